// A service is lost while a replica is there, or is not: who goes on, who is told what, and that it is said once.
#include "harness.hpp"

namespace zenith::services {
namespace {

// Keeps what it is asked and answers nothing: the session stays in planning.
class SilentRouter final : public actors::Actor<actors::RouterMessage> {
 public:
  explicit SilentRouter(std::vector<actors::RouterMessage>& kept) : kept_(kept) {}
  void on(actors::RouterMessage message, actors::Context&) override { kept_.push_back(std::move(message)); }

 private:
  std::vector<actors::RouterMessage>& kept_;
};

// Answers every generation with the same error before it starts.
class RefusingService final : public actors::Actor<actors::ServiceMessage> {
 public:
  explicit RefusingService(Error why) : why_(std::move(why)) {}
  void on(actors::ServiceMessage message, actors::Context&) override {
    if (auto* submit = std::get_if<actors::Submit>(&message)) {
      ++asked;
      submit->session.send(actors::FromService{why_, submit->attempt});
    } else if (auto* call = std::get_if<actors::TokenizeCall>(&message)) {
      ++asked;
      call->answer.break_with(why_);
    }
  }
  static inline int asked = 0;

 private:
  Error why_;
};

struct Failover : testing::Test {
  static constexpr std::size_t kLong = 60;
  Graph graph{{}, 2, {}, Named::same};
  std::vector<actors::RouterMessage> unanswered;

  ~Failover() override { unanswered.clear(); }

  std::string serving(const std::shared_ptr<Client>&) { return graph.pages_in_use(0) > 0 ? "text-0" : "text-1"; }
  void kill(const std::string& id) {
    graph.system.kill(graph.services[id]);
    graph.settle();
  }
  void silence_the_router() {
    graph.router->set(
        actors::Ref<actors::RouterMessage>{graph.system.spawn("silent", std::make_unique<SilentRouter>(unanswered))});
  }
  void put_first(Error why) {
    RefusingService::asked = 0;
    const auto refusing = graph.system.spawn("refusing", std::make_unique<RefusingService>(std::move(why)));
    messages::ModelEntry entry;
    entry.name = "toy";
    graph.directory->send(
        actors::Announce{{messages::Role::text, "text-0", messages::Health::ready, "toy", {}}, entry});
    graph.directory->send(
        actors::Report{"text-0", messages::Health::ready, {}, entry, actors::Ref<actors::ServiceMessage>{refusing}});
    graph.settle();
  }
};

TEST_F(Failover, the_replica_goes_on_and_the_client_sees_one_stream) {
  const auto client = graph.send(graph.request("hello", kLong));
  graph.run(10);
  const int before = client->deltas;
  EXPECT_GT(before, 3);
  kill(serving(client));
  graph.run();
  ASSERT_TRUE(client->finished) << client->error->message;
  EXPECT_EQ(client->text[0], toy::expected_text("hello", kLong));
  EXPECT_EQ(client->deltas, static_cast<int>(kLong));
  EXPECT_EQ(client->finished->usage.completion_tokens, kLong);
  EXPECT_EQ(client->finished->timings.predicted_n, kLong);
  EXPECT_EQ(graph.gauge("zenith_tokens_total{kind=\"recomputed\",model=\"toy\"}"), 6 + before);
  EXPECT_EQ(graph.gauge("zenith_requests_total{kind=\"generate\",outcome=\"finished\"}"), 1);
}

TEST_F(Failover, without_a_replica_there_is_one_error_that_names_the_service) {
  const auto client = graph.send(graph.request("hello", kLong));
  graph.run(10);
  const std::string id = serving(client);
  kill(id == "text-0" ? "text-1" : "text-0");
  kill(id);
  ASSERT_TRUE(client->error);
  EXPECT_EQ(client->last_events, 1);
  EXPECT_EQ(client->error->code, Errc::unavailable);
  EXPECT_NE(client->error->message.find("'" + id + "'"), std::string::npos) << client->error->message;
  EXPECT_GT(client->error->retry_after.count(), 0);
  graph.effects.fake_clock.advance(1s);
  graph.run();
  EXPECT_EQ(client->events_after_last, 0);
}

TEST_F(Failover, a_service_that_was_restarted_meanwhile_may_be_asked_again) {
  const auto client = graph.send(graph.request("hello", kLong));
  graph.run(10);
  const std::string first = serving(client), second = first == "text-0" ? "text-1" : "text-0";
  kill(first);
  graph.effects.fake_clock.advance(1s);
  graph.run(10);
  kill(second);
  graph.run();
  ASSERT_TRUE(client->finished) << client->error->message;
  EXPECT_EQ(client->text[0], toy::expected_text("hello", kLong));
}

TEST_F(Failover, a_cancel_while_it_is_planned_again_is_the_end) {
  auto r = graph.request("hello", kLong);
  const RequestId id = r.header.id;
  const auto client = graph.send(std::move(r));
  graph.run(10);
  silence_the_router();
  kill(serving(client));
  EXPECT_EQ(unanswered.size(), 1u);
  EXPECT_FALSE(client->ended);
  graph.port.cancel(id);
  graph.settle();
  ASSERT_TRUE(client->error);
  EXPECT_EQ(client->error->code, Errc::cancelled);
  unanswered.clear();  // the answer comes too late
  graph.run();
  EXPECT_EQ(client->last_events, 1);
  EXPECT_EQ(graph.sessions.size(), 0u);
}

TEST_F(Failover, a_deadline_while_it_is_planned_again_is_the_end) {
  auto r = graph.request("hello", kLong);
  r.header.deadline = {graph.effects.fake_clock.now() + 2s};
  const auto client = graph.send(std::move(r));
  graph.run(10);
  silence_the_router();
  kill(serving(client));
  graph.effects.fake_clock.advance(2s);
  graph.settle();
  ASSERT_TRUE(client->error);
  EXPECT_EQ(client->error->code, Errc::deadline);
  unanswered.clear();
  graph.run();
  EXPECT_EQ(client->last_events, 1);
}

TEST_F(Failover, a_router_that_dies_while_it_is_asked_again_leaves_the_error_of_the_service) {
  const auto client = graph.send(graph.request("hello", kLong));
  graph.run(10);
  const std::string id = serving(client);
  silence_the_router();
  kill(id);
  unanswered.clear();
  graph.settle();
  ASSERT_TRUE(client->error);
  EXPECT_NE(client->error->message.find(id), std::string::npos) << client->error->message;
}

TEST_F(Failover, a_slow_client_keeps_its_window_over_the_change) {
  auto r = graph.request("slow", kLong);
  r.credit_events = 8;
  const RequestId id = r.header.id;
  const auto client = graph.send(std::move(r));
  graph.run();
  EXPECT_EQ(client->deltas, 8);
  kill(serving(client));
  graph.run();
  EXPECT_EQ(client->deltas, 8) << "it has taken nothing";
  graph.port.grant(id, 3);
  graph.run();
  EXPECT_EQ(client->deltas, 11);
  for (int i = 0; i < 40 && !client->ended; ++i) {
    graph.port.grant(id, 8);
    graph.run();
  }
  EXPECT_EQ(client->text[0], toy::expected_text("slow", kLong));
}

TEST_F(Failover, a_request_that_kills_whoever_serves_it_takes_few_of_them) {
  Graph many{{}, 8, {}, Named::same};
  many.run();
  const auto client = many.send(many.request("deadly", 10));
  std::uint32_t deaths = 0;
  for (; deaths < 8 && !client->ended; ++deaths) {
    many.lane.throw_once = true;  // its first step ends its service
    many.settle();
    many.worker.run_one();
    many.settle();
  }
  many.lane.throw_once = false;
  ASSERT_TRUE(client->error);
  EXPECT_EQ(client->error->code, Errc::unavailable);
  EXPECT_NE(client->error->message.find("last of"), std::string::npos) << client->error->message;
  EXPECT_EQ(deaths, actors::SessionState::kFruitless);
}

TEST_F(Failover, a_service_that_drains_sends_its_new_requests_elsewhere) {
  put_first(Error{Errc::draining, "it is shutting down", {}, {}});
  std::vector<std::shared_ptr<Client>> clients;
  for (int i = 0; i < 6; ++i) clients.push_back(graph.send(graph.request(fmt::format("r{}", i), 10)));
  graph.run();
  EXPECT_GT(RefusingService::asked, 0);
  for (int i = 0; i < 6; ++i) {
    const auto& c = clients[static_cast<std::size_t>(i)];
    EXPECT_EQ(c->text[0], toy::expected_text(fmt::format("r{}", i), 10)) << (c->error ? c->error->message : "");
  }
}

TEST_F(Failover, streams_go_on_while_a_replica_drains_and_new_ones_go_to_the_other) {
  const auto client = graph.send(graph.request("hello", kLong));
  graph.run(10);
  const std::string id = serving(client);
  graph.directory->send(actors::Report{id, messages::Health::draining, "told to", {}, {}});
  graph.settle();
  const auto fresh = graph.send(graph.request("fresh", 10));
  graph.run();
  EXPECT_EQ(client->text[0], toy::expected_text("hello", kLong));
  EXPECT_EQ(fresh->text[0], toy::expected_text("fresh", 10));
  EXPECT_EQ(graph.gauge("zenith_tokens_total{kind=\"recomputed\",model=\"toy\"}"), 0);
}

TEST_F(Failover, when_everyone_refuses_the_last_one_is_named_once) {
  put_first(Error{Errc::loading, "half loaded", {}, {}});
  kill("text-1");
  const auto client = graph.send(graph.request("x", 4));
  graph.run();
  ASSERT_TRUE(client->error);
  EXPECT_EQ(client->error->code, Errc::loading);
  EXPECT_EQ(client->error->message, "service 'text-0': half loaded");
  EXPECT_GT(client->error->retry_after.count(), 0);
  EXPECT_EQ(client->last_events, 1);
}

// ---- calls

template <class T>
struct Answer {
  gateway::Reply<T> reply() {
    return [this](Expected<T> a) {
      ++times;
      got = std::move(a);
    };
  }
  int times = 0;
  std::optional<Expected<T>> got;
};

struct Calls : Failover {
  messages::Tokenize tokenize(std::string text) {
    const auto r = graph.request("", 1);
    return {r.header, "toy", std::move(text), false, false};
  }
};

TEST_F(Calls, a_call_whose_service_is_lost_is_answered_by_a_replica) {
  put_first(Error{Errc::unavailable, "link lost", {}, {}});
  Answer<messages::Tokens> answers[4];
  for (auto& a : answers) graph.port.tokenize(tokenize("ab"), a.reply());
  graph.run();
  EXPECT_GT(RefusingService::asked, 0);
  for (const auto& a : answers) {
    ASSERT_EQ(a.times, 1);
    ASSERT_TRUE(*a.got) << a.got->error().message;
    EXPECT_EQ((*a.got)->tokens, (std::vector<TokenId>{'a', 'b'}));
  }
  EXPECT_EQ(graph.calls.size(), 0u);
}

TEST_F(Calls, a_call_in_a_dead_services_mailbox_is_asked_again) {
  kill("text-1");
  graph.effects.fake_clock.advance(1s);
  graph.settle();
  Answer<messages::Tokens> answers[2];
  for (auto& a : answers) graph.port.tokenize(tokenize("ab"), a.reply());
  graph.system.kill(graph.services["text-0"]);  // before anyone ran
  graph.run();
  for (const auto& a : answers) {
    ASSERT_EQ(a.times, 1);
    ASSERT_TRUE(*a.got) << a.got->error().message;
  }
}

TEST_F(Calls, with_nobody_left_the_error_names_the_last_service) {
  put_first(Error{Errc::unavailable, "link lost", {}, {}});
  kill("text-1");
  Answer<messages::Tokens> a;
  graph.port.tokenize(tokenize("ab"), a.reply());
  graph.run();
  ASSERT_EQ(a.times, 1);
  ASSERT_FALSE(*a.got);
  EXPECT_EQ(a.got->error().code, Errc::unavailable);
  EXPECT_EQ(a.got->error().message, "service 'text-0': link lost");
  EXPECT_EQ(RefusingService::asked, 1);
}

TEST_F(Calls, when_too_much_waits_for_the_workers_a_call_is_refused) {
  graph.worker.most = 0;
  Answer<messages::Tokens> a;
  graph.port.tokenize(tokenize("ab"), a.reply());
  graph.run();
  ASSERT_EQ(a.times, 1);
  ASSERT_FALSE(*a.got);
  EXPECT_EQ(a.got->error().code, Errc::overloaded);
}

TEST_F(Calls, a_cancelled_call_is_not_asked_again_and_its_work_is_skipped) {
  Answer<messages::Tokens> a;
  auto call = tokenize("ab");
  const RequestId id = call.header.id;
  graph.port.tokenize(std::move(call), a.reply());
  graph.settle();  // the worker has it
  graph.port.cancel(id);
  ASSERT_EQ(a.times, 1);
  EXPECT_EQ(a.got->error().code, Errc::cancelled);
  graph.run();
  EXPECT_EQ(a.times, 1);
  EXPECT_EQ(graph.calls.size(), 0u);
}

// ---- what a broken peer may ask

struct ResumeCase {
  const char* name;
  std::vector<messages::Resume> resume;
};
class BadResume : public testing::TestWithParam<ResumeCase> {};

TEST_P(BadResume, is_refused_by_name_and_hurts_nobody) {
  Graph graph;
  const auto good = graph.send(graph.request("good", 20));
  auto r = graph.request("script:ab|", 5);
  r.resume = GetParam().resume;
  const auto client = graph.send(std::move(r));
  graph.run();
  ASSERT_TRUE(client->error);
  EXPECT_EQ(client->error->code, Errc::invalid_argument) << client->error->message;
  EXPECT_EQ(client->error->param, "resume");
  EXPECT_EQ(good->text[0], toy::expected_text("good", 20));
  EXPECT_EQ(graph.pages_in_use(), 0u);
}

INSTANTIATE_TEST_SUITE_P(resume, BadResume,
                         testing::Values(ResumeCase{"a_token_below_the_vocabulary", {{{'a', -1}, true}}},
                                         ResumeCase{"a_token_above_the_vocabulary", {{{toy::kVocab}, true}}},
                                         ResumeCase{"more_than_max_tokens", {{{1, 2, 3, 4, 5, 6}, true}}},
                                         ResumeCase{"more_than_the_context", {{std::vector<TokenId>(4000, 'a'), true}}},
                                         ResumeCase{"tokens_after_the_end", {{{'a', toy::kEos, 'b'}, true}}},
                                         ResumeCase{"another_number_of_choices", {{{'a'}, true}, {{'b'}, true}}},
                                         ResumeCase{"an_end_with_too_many_tokens", {{{}, true, true, 6, 0}}},
                                         ResumeCase{"more_reasoning_than_tokens", {{{}, true, true, 2, 3}}}),
                         [](const auto& i) { return std::string{i.param.name}; });

TEST(resume, an_answer_that_only_lacks_its_end_gets_it_without_computing) {
  Graph graph;
  auto r = graph.request("script:abc|", 3);
  r.resume = {{{'a', 'b', 'c'}, true}};
  const auto client = graph.send(std::move(r));
  graph.run();
  ASSERT_TRUE(client->finished) << client->error->message;
  EXPECT_EQ(client->deltas, 0);
  EXPECT_EQ(client->ends[0], messages::FinishReason::length);
  EXPECT_EQ(client->finished->usage.completion_tokens, 3u);
  EXPECT_EQ(graph.model().rows, 0u);
}

TEST(resume, a_request_whose_choices_have_all_ended_is_finished_at_once) {
  Graph graph;
  auto r = graph.request("script:abc|", 9);
  r.choices = 2;
  r.resume = {{{}, true, true, 4, 1}, {{}, true, true, 5, 0}};
  const auto client = graph.send(std::move(r));
  graph.run();
  ASSERT_TRUE(client->finished) << client->error->message;
  EXPECT_EQ(client->finished->usage.completion_tokens, 9u);
  EXPECT_EQ(client->finished->usage.reasoning_tokens, 1u);
  EXPECT_EQ(graph.model().rows, 0u);
}

TEST(resume, what_is_computed_again_shares_steps_like_a_prompt) {
  Graph graph;
  const auto stream = graph.send(graph.request("stream", 200));
  graph.run(5);
  const int before = stream->deltas;
  auto r = graph.request("p", 400);
  auto history = toy::ToyTokenizer{}.encode("p", {.add_special = true});
  messages::Resume had;
  had.echoed = true;
  for (int i = 0; i < 300; ++i) {
    had.tokens.push_back(toy::next_token(history));
    history.push_back(had.tokens.back());
  }
  r.resume = {had};
  const auto resumed = graph.send(std::move(r));
  graph.run(1);
  EXPECT_EQ(resumed->deltas, 0) << "it does not fit one step";
  graph.run(3);
  EXPECT_EQ(stream->deltas, before + 4) << "the stream is in every step";
  EXPECT_LE(graph.model().widest, 256u);
  graph.run();
  EXPECT_EQ(resumed->text[0], toy::expected_text("p", 400).substr(300));
}

}  // namespace
}  // namespace zenith::services
