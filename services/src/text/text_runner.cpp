#include "zenith/services/text/text_runner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>

#include "zenith/kernels/thread_pool.hpp"
#include "zenith/models/sampler/prompt_lookup.hpp"

namespace zenith::services {

struct TextRunner::Live {
  Live(const OpenSequence& o, models::KvPool& pool, models::Sampler s)
      : opening(o), table(pool), sampler(std::move(s)), stream(o.request->stop) {}

  const std::vector<TokenId>& prompt() const noexcept { return opening.prompt->tokens; }
  /// The prompt, and what the client has got already.
  std::size_t given() const noexcept { return prompt().size() + resumed; }
  TokenId given_token(std::size_t slot) const noexcept {
    return slot < prompt().size() ? prompt()[slot] : opening.resume()->tokens[slot - prompt().size()];
  }

  OpenSequence opening;
  models::BlockTable table;
  models::Sampler sampler;
  std::optional<models::PromptLookup> lookup;  // with the first draft that is asked for
  models::TextStream stream;
  std::optional<models::ReasoningSplitter> splitter;
  std::uint32_t fed = 0, generated = 0;
  std::uint32_t resumed = 0, resumed_reasoning = 0;
  std::optional<messages::FinishReason> ended_before;  // the client lacks only the end itself
  std::optional<Error> impossible;
  TokenId last = -1;
  bool thinking = false;
  bool echo_due = false;
  std::vector<messages::TokenLogprobs> logprobs;  // of tokens whose text is still held back
  std::vector<TokenId> unsent;                    // those tokens
};

TextRunner::TextRunner(models::Model& model, const models::Tokenizer& tokenizer, models::KvPool& pool,
                       std::optional<ReasoningTags> reasoning, const Clock& clock)
    : model_(model), tokenizer_(tokenizer), pool_(pool), reasoning_(std::move(reasoning)), clock_(clock) {}

TextRunner::~TextRunner() = default;

StepReport TextRunner::run(const StepPlan& plan, kernels::Exec& ex) noexcept {
  const Instant start = clock_.now();
  StepReport report;
  report.sequences.reserve(plan.work.size());
  for (const Work& work : plan.work) report.sequences.push_back({.id = work.id, .prompt_rows = work.prompt_rows});
  try {
    if (plan.reset) live_.clear();
    for (const SequenceId id : plan.close) live_.erase(id);
    for (const OpenSequence& opening : plan.open) open(opening);
    forward(plan.work, plan.draft_worth, report, ex);
  } catch (const std::exception& e) {
    for (auto& step : report.sequences) {
      if (!step.end && !step.error)
        step.error = Error{Errc::internal, fmt::format("the step failed: {}", e.what()), {}, {}};
    }
  }
  for (const auto& step : report.sequences) {
    if (step.end || step.error) live_.erase(step.id);
  }
  report.took = clock_.now() - start;
  return report;
}

void TextRunner::open(const OpenSequence& o) {
  auto params = o.request->sampling;
  params.seed.reset();  // the choice's own seed counts
  auto live = std::make_unique<Live>(o, pool_,
                                     models::Sampler(params, o.prompt->tokens, tokenizer_.end_of_generation(), o.seed));
  if (reasoning_ && std::holds_alternative<messages::Chat>(o.request->prompt)) {
    live->splitter.emplace(reasoning_->open, reasoning_->close, o.prompt->starts_in_reasoning);
    live->thinking = o.prompt->starts_in_reasoning;
  }
  live->echo_due = o.request->echo;
  if (o.resume() != nullptr) replay(*live);
  live_.insert_or_assign(o.id, std::move(live));
}

// Everything but the forward pass is a function of the tokens: taking them again gives the state in which the lost
// service was when it sent the last of them. What comes out is what the client has.
void TextRunner::replay(Live& live) {
  const messages::Resume& had = *live.opening.resume();
  if (had.echoed) live.echo_due = false;
  for (const TokenId token : had.tokens) {
    if (live.ended_before) {
      live.impossible = Error{Errc::invalid_argument,
                              fmt::format("resume has {} tokens of choice {}, which ended with its token {}",
                                          had.tokens.size(), live.opening.choice, live.resumed),
                              "resume",
                              {}};
      return;
    }
    SequenceStep seen;
    take_token(live, token, seen);
    ++live.resumed;
    live.resumed_reasoning += seen.reasoning ? 1 : 0;
    live.ended_before = seen.end;
  }
  live.unsent.clear();
}

// What one sequence has in a pass: rows of what was given, or its last token and a draft of those after it.
struct TextRunner::Part {
  Live* live = nullptr;
  SequenceStep* step = nullptr;
  std::span<const TokenId> draft{};
  std::size_t wants = 0;             // rows with logits
  std::vector<SequenceStep> more{};  // of the draft's tokens that were right
};

void TextRunner::forward(const std::vector<Work>& work, double worth, StepReport& report, kernels::Exec& ex) {
  if (work.empty()) return;
  std::vector<Part> parts;
  models::Batch batch;
  std::size_t wanted = 0;
  for (std::size_t i = 0; i < work.size(); ++i) {
    SequenceStep& step = report.sequences[i];
    const auto it = live_.find(work[i].id);
    if (it == live_.end()) {
      step.error = Error{Errc::internal, "a step for a sequence that is not open", {}, {}};
      continue;
    }
    Live& live = *it->second;
    if (live.impossible) {
      step.error = live.impossible;
      continue;
    }
    if (live.ended_before) {
      step.prompt_rows = 0;
      step.end = live.ended_before;
      step.resumed_tokens = live.resumed;
      step.resumed_reasoning = live.resumed_reasoning;
      continue;
    }
    Part part{&live, &step};
    if (work[i].drafts > 0) {
      if (!live.lookup) live.lookup.emplace(live.sampler.history());
      part.draft = live.lookup->draft(work[i].drafts, worth);
      step.drafted = static_cast<std::uint32_t>(part.draft.size());
    }
    const std::uint32_t rows = std::max(work[i].prompt_rows, 1u) + step.drafted;
    if (auto room = live.table.reserve(live.fed + rows); !room) {
      step.error = std::move(room.error());
      continue;
    }
    const auto sequence = static_cast<std::uint32_t>(batch.sequences.size());
    batch.sequences.push_back(&live.table);
    for (std::uint32_t r = 0; r < rows; ++r) {
      const std::uint32_t slot = live.fed + r;
      models::Row row;
      row.token = work[i].prompt_rows > 0 ? live.given_token(slot) : r == 0 ? live.last : part.draft[r - 1];
      row.position[0] = static_cast<std::int32_t>(slot);
      row.sequence = sequence;
      row.slot = slot;
      // A token that was generated keeps decode's arithmetic, however many are computed again at once.
      row.phase = slot < live.prompt().size() ? kernels::Phase::prefill : kernels::Phase::decode;
      row.want_logits = slot + 1 >= live.given() && live.opening.max_tokens > 0;
      part.wants += row.want_logits ? 1 : 0;
      batch.rows.push_back(row);
    }
    wanted += part.wants;
    (work[i].prompt_rows > 0 ? report.prompt_rows : report.decode_rows) += rows;
    parts.push_back(std::move(part));
  }
  if (parts.empty()) return;

  const std::size_t vocab = model_.info().vocab;
  if (logits_.size() < wanted * vocab) logits_.resize(wanted * vocab);
  batch.logits = {logits_.data(), wanted, vocab};
  auto done = model_.run(ex, batch);
  if (done && !std::holds_alternative<models::Done>(*done)) {
    done = fail(Errc::unsupported, "the model waits for remote experts, which this service has none of");
  }
  if (!done && (parts.size() > 1 || !parts[0].draft.empty())) return one_by_one(work, report, ex);
  if (!done) {
    parts[0].step->error = std::move(done.error());
    return;
  }

  // Sequences are independent from here on: sampling spreads over the lane's threads.
  std::vector<std::pair<Part*, std::size_t>> sampled;
  std::size_t row = 0;
  for (Part& part : parts) {
    Live& live = *part.live;
    live.fed += part.step->prompt_rows;
    const bool all_given = part.step->prompt_rows > 0 && live.fed >= live.given();
    if (all_given) {
      part.step->resumed_tokens = live.resumed;
      part.step->resumed_reasoning = live.resumed_reasoning;
    }
    if (part.wants > 0) {
      sampled.emplace_back(&part, row);
      row += part.wants;
    } else if (all_given) {
      end(*part.live, messages::FinishReason::length, *part.step);  // max_tokens 0
    }
  }
  ex.pool->for_range(sampled.size(), 1, [&](std::size_t begin, std::size_t end_index) {
    for (std::size_t i = begin; i < end_index; ++i) {
      auto& [part, first] = sampled[i];
      try {
        sample(*part, {batch.logits.row(first), part->wants, vocab});
      } catch (const std::exception& e) {
        part->more.clear();
        part->step->error = Error{Errc::internal, fmt::format("sampling failed: {}", e.what()), {}, {}};
      }
    }
  });
  std::vector<SequenceStep> more;
  for (Part& part : parts) {
    if (!part.draft.empty()) part.live->table.truncate(part.live->fed);  // what was refused
    std::move(part.more.begin(), part.more.end(), std::back_inserter(more));
  }
  std::move(more.begin(), more.end(), std::back_inserter(report.sequences));
}

// One bad sequence must not cost the others anything, nor a draft its sequence: alone and without drafts each gives the
// same bits.
void TextRunner::one_by_one(const std::vector<Work>& work, StepReport& report, kernels::Exec& ex) {
  report.prompt_rows = report.decode_rows = 0;
  for (std::size_t i = 0; i < work.size(); ++i) {
    if (report.sequences[i].error || report.sequences[i].end) continue;
    StepReport one;
    one.sequences.push_back({.id = work[i].id, .prompt_rows = work[i].prompt_rows});
    forward({{work[i].id, work[i].prompt_rows}}, 1, one, ex);
    report.sequences[i] = std::move(one.sequences[0]);
    report.prompt_rows += one.prompt_rows;
    report.decode_rows += one.decode_rows;
  }
}

// The first token that differs from the draft is what the model says there; what was drafted after it is void.
void TextRunner::sample(Part& part, View2<float> logits) {
  Live& live = *part.live;
  std::size_t right = 0;
  for (SequenceStep* step = part.step;;) {
    if (part.step->prompt_rows == 0) ++live.fed;
    after_logits(live, logits[right], *step);
    if (live.lookup) live.lookup->accept(live.last);
    const bool over = step->end.has_value() || right == part.draft.size();
    if (!over && live.last == part.draft[right]) {
      ++right;
      step->guessed = true;
      step = &part.more.emplace_back(SequenceStep{.id = part.step->id});
      continue;
    }
    if (!part.draft.empty()) live.lookup->verified(right, !over);
    return;
  }
}

void TextRunner::after_logits(Live& live, std::span<float> logits, SequenceStep& step) {
  const messages::Generate& request = *live.opening.request;
  std::vector<float> before;  // logprobs are of the model's own logits, which the sampler changes
  if (request.logprobs) before.assign(logits.begin(), logits.end());
  const TokenId token = live.sampler.sample(logits);
  if (request.logprobs) {
    models::TokenLogprob picked;
    const auto top = models::top_logprobs(before, request.top_logprobs, token, picked);
    const auto entry = [this](const models::TokenLogprob& t) {
      return messages::LogprobEntry{t.id, tokenizer_.piece(t.id, true), t.logprob};
    };
    messages::TokenLogprobs& out = live.logprobs.emplace_back();
    out.picked = entry(picked);
    for (const auto& t : top) out.top.push_back(entry(t));
  }
  take_token(live, token, step);
  if (step.has_delta()) step.delta.tokens = std::exchange(live.unsent, {});
}

void TextRunner::take_token(Live& live, TokenId token, SequenceStep& step) {
  const messages::Generate& request = *live.opening.request;
  live.sampler.accept(token);
  live.last = token;
  live.unsent.push_back(token);
  ++live.generated;
  step.tokens = 1;
  if (live.echo_due) append_text(live, {}, step);

  const auto ends = tokenizer_.end_of_generation();
  if (!request.sampling.ignore_eos && std::find(ends.begin(), ends.end(), token) != ends.end()) {
    if (!live.logprobs.empty()) live.logprobs.pop_back();  // it has no text
    return end(live, messages::FinishReason::stop, step);
  }
  // The tags may be control tokens, which have no text of their own.
  const std::string_view spelled = tokenizer_.text(token);
  const bool tag = live.splitter && (spelled == reasoning_->open || spelled == reasoning_->close);
  if (tag) live.thinking = spelled == reasoning_->open;
  step.reasoning = live.thinking;
  const auto out = live.stream.push(tag ? std::string{spelled} : tokenizer_.piece(token, false));
  append_text(live, out.text, step);
  if (out.stopped) return end(live, messages::FinishReason::stop, step);
  if (live.generated >= live.opening.max_tokens) return end(live, messages::FinishReason::length, step);
}

void TextRunner::append_text(Live& live, std::string_view text, SequenceStep& step) {
  if (std::exchange(live.echo_due, false)) step.delta.content += tokenizer_.decode(live.prompt(), false);
  if (live.splitter) {
    auto split = live.splitter->push(text);
    step.delta.reasoning += split.reasoning;
    step.delta.content += split.content;
  } else {
    step.delta.content += text;
  }
  if (!step.delta.content.empty() || !step.delta.reasoning.empty()) {
    std::move(live.logprobs.begin(), live.logprobs.end(), std::back_inserter(step.delta.logprobs));
    live.logprobs.clear();
  }
}

void TextRunner::end(Live& live, messages::FinishReason reason, SequenceStep& step) {
  append_text(live, live.stream.finish().text, step);
  if (live.splitter) {
    auto rest = live.splitter->finish();
    step.delta.reasoning += rest.reasoning;
    step.delta.content += rest.content;
  }
  std::move(live.logprobs.begin(), live.logprobs.end(), std::back_inserter(step.delta.logprobs));
  live.logprobs.clear();
  step.end = reason;
}

}  // namespace zenith::services
