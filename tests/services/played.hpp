// Random requests played against a graph of replicas: what every client sees, with and without services that are lost.
#pragma once

#include <algorithm>
#include <random>

#include "harness.hpp"

namespace zenith::services {

using messages::Delta;

// All that a client sees, each choice by itself: choices of one request may come in another order.
struct Seen final : gateway::EventSink {
  struct Choice {
    std::vector<Delta> deltas;
    std::optional<messages::FinishReason> end;
  };
  void on_event(messages::Event event) override {
    if (ended) ++after_last;
    ended |= messages::is_last(event);
    if (const auto* s = std::get_if<messages::Started>(&event)) starts.push_back(s->prompt_tokens);
    if (const auto* delta = std::get_if<Delta>(&event)) {
      choices[delta->choice].deltas.push_back(*delta);
      ++untaken;
      ++progress;
    }
    if (const auto* end = std::get_if<messages::ChoiceEnd>(&event)) {
      if (choices[end->choice].end) ++second_ends;
      choices[end->choice].end = end->reason;
      ++progress;
    }
    if (const auto* f = std::get_if<messages::Finished>(&event)) finished = *f;
    if (auto* e = std::get_if<Error>(&event)) error = std::move(*e);
  }
  std::vector<std::uint32_t> starts;
  std::map<std::uint32_t, Choice> choices;
  std::optional<messages::Finished> finished;
  std::optional<Error> error;
  std::uint32_t untaken = 0;
  int progress = 0, after_last = 0, second_ends = 0;
  bool ended = false;
};

// Printable ASCII as it is, the rest in hex.
inline std::string readable(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte >= 0x20 && byte < 0x7f ? std::string(1, c) : fmt::format("<{:02x}>", static_cast<unsigned>(byte));
  }
  return out + "'";
}

inline std::string shown(const messages::LogprobEntry& e) {
  return fmt::format("{}:{}:{}", e.token, readable(e.bytes), e.logprob);
}

inline std::string shown(const Seen& seen) {
  std::string out = fmt::format("started {}\n", fmt::join(seen.starts, " "));
  for (const auto& [index, choice] : seen.choices) {
    for (const Delta& d : choice.deltas) {
      out += fmt::format("{} content {} reasoning {} tokens {}", index, readable(d.content), readable(d.reasoning),
                         fmt::join(d.tokens, " "));
      for (const auto& l : d.logprobs) {
        out += " | " + shown(l.picked);
        for (const auto& t : l.top) out += "," + shown(t);
      }
      out += "\n";
    }
    out += fmt::format("{} end {}\n", index, choice.end ? static_cast<int>(*choice.end) : -1);
  }
  if (seen.finished) {
    const auto& u = seen.finished->usage;
    const auto& t = seen.finished->timings;
    out += fmt::format("usage {} {} {} {} timings {} {} {}\n", u.prompt_tokens, u.completion_tokens, u.cached_tokens,
                       u.reasoning_tokens, t.prompt_n, t.predicted_n, t.cache_n);
  }
  if (seen.error) out += fmt::format("error {} {}\n", to_string(seen.error->code), seen.error->message);
  return out;
}

inline std::string random_text(std::mt19937_64& random, std::size_t size) {
  std::string out;
  for (std::size_t i = 0; i < size; ++i) out += static_cast<char>('a' + random() % 26);
  return out;
}

inline messages::Generate random_request(Graph& graph, std::mt19937_64& random, bool chat) {
  const auto one_in = [&](std::uint64_t n) { return random() % n == 0; };
  auto r = graph.request(random_text(random, 1 + random() % (!one_in(4) ? 20 : chat ? 300 : 100)), 1 + random() % 90);
  r.header.deadline = {graph.effects.fake_clock.now() + std::chrono::hours(10)};
  r.sampling.temperature = std::array{0.0F, 0.7F, 1.3F, 4.0F, 12.0F}[random() % 5];
  if (one_in(3)) r.sampling.top_k = 1 + static_cast<std::int32_t>(random() % 60);
  if (one_in(3)) r.sampling.top_p = 0.5F + 0.05F * static_cast<float>(random() % 10);
  if (one_in(5)) r.sampling.min_p = 0.01F;
  if (one_in(3)) r.sampling.presence_penalty = 1.1F;
  if (one_in(3)) r.sampling.frequency_penalty = -0.7F;
  if (one_in(3)) r.sampling.repeat_penalty = 1.4F;
  if (one_in(2)) r.sampling.seed = random();
  if (one_in(4)) r.sampling.logit_bias = {{'e', 3.0F}, {'q', -100.0F}};
  if (chat) r.sampling.logit_bias.emplace_back(toy::kPoison, -1e9F);  // the toy's passes fail with it
  if (one_in(8)) r.sampling.ignore_eos = true;
  if (one_in(3)) r.stop.push_back(random_text(random, 1 + random() % 3));
  if (one_in(6)) r.stop.push_back("\xC3\xA9");
  if (one_in(3)) r.choices = 2 + random() % 2;
  if (one_in(2)) {
    r.logprobs = true;
    r.top_logprobs = random() % 4;
  }
  if (chat && one_in(2)) {
    std::string say = std::get<std::string>(r.prompt);
    if (one_in(2)) say = "script:<think>\nfirst " + random_text(random, 20) + "</think>\n\nso " + say + "|";
    r.prompt = messages::Chat{{{"user", {say}, {}, {}}}, {}, {}};
  } else if (!r.logprobs && one_in(3)) {
    r.echo = true;
    if (one_in(4)) r.max_tokens = 0;
  }
  r.credit_events = one_in(2) ? 256 : 1 + random() % 6;
  return r;
}

struct Played {
  std::vector<std::shared_ptr<Seen>> clients;
  int kills = 0;
  double drafted = 0, accepted = 0;  ///< tokens
};

// The same requests in a graph of two replicas; with `kill_one_in` > 0 services are lost at random moments.
inline Played play(std::uint64_t seed, const ModelSpec& spec, const ModelLoader& load, bool chat,
                   std::uint64_t kill_one_in) {
  Graph graph(spec, 2, load, Named::same);
  std::mt19937_64 random(seed);
  Played out;
  std::vector<RequestId> ids;
  const auto count = 1 + random() % 4;
  for (std::uint64_t i = 0; i < count; ++i) {
    auto r = random_request(graph, random, chat);
    ids.push_back(r.header.id);
    out.clients.push_back(std::make_shared<Seen>());
    graph.port.generate(std::move(r), out.clients.back());
  }
  std::mt19937_64 chaos(seed * 7919 + kill_one_in);
  std::vector<int> had(count, -1),
      deaths(count, 0);  // a request must see something new now and then, or it is given up
  const auto may_kill = [&] {
    for (std::size_t i = 0; i < count; ++i) {
      if (out.clients[i]->ended) continue;
      if (out.clients[i]->progress == had[i] && deaths[i] >= 2) return false;
    }
    return true;
  };
  for (int turn = 0; turn < 20000; ++turn) {
    if (std::all_of(out.clients.begin(), out.clients.end(), [](const auto& c) { return c->ended; })) break;
    if (kill_one_in > 0 && chaos() % kill_one_in == 0 && may_kill()) {
      for (std::size_t i = 0; i < count; ++i) {
        deaths[i] = out.clients[i]->progress == had[i] ? deaths[i] + 1 : 0;
        had[i] = out.clients[i]->progress;
      }
      ++out.kills;
      graph.system.kill(graph.services[chaos() % 2 == 0 ? "text-0" : "text-1"]);
      graph.settle();
      graph.effects.fake_clock.advance(std::chrono::seconds(15));
      graph.settle();
    }
    switch (chaos() % 6) {
      case 0: {
        const std::size_t i = chaos() % count;
        const auto taken = static_cast<std::uint32_t>(chaos() % (out.clients[i]->untaken + 1));
        out.clients[i]->untaken -= taken;
        if (taken > 0) graph.port.grant(ids[i], taken);
        break;
      }
      case 1: graph.worker.run_one(); break;
      default: graph.step();
    }
  }
  graph.run();
  EXPECT_EQ(graph.pages_in_use(0) + graph.pages_in_use(1), 0u);
  EXPECT_EQ(graph.sessions.size(), 0u);
  out.drafted = graph.gauge("zenith_draft_tokens_total{kind=\"drafted\",model=\"toy\"}");
  out.accepted = graph.gauge("zenith_draft_tokens_total{kind=\"accepted\",model=\"toy\"}");
  return out;
}

}  // namespace zenith::services
