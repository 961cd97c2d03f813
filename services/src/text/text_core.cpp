#include "zenith/services/text/text_core.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace zenith::services {
namespace {

constexpr std::uint32_t kPageTokens = 64;

std::uint32_t pages_for(std::uint32_t tokens) { return (tokens + kPageTokens - 1) / kPageTokens; }
double seconds(Duration d) { return std::chrono::duration<double>(d).count(); }
double milliseconds(Duration d) { return seconds(d) * 1e3; }
void update_mean(double& mean, double sample) { mean = mean < 0 ? sample : mean * 0.8 + sample * 0.2; }

const char* prompt_field(const messages::Generate& request) {
  return std::holds_alternative<messages::Chat>(request.prompt) ? "messages" : "prompt";
}

}  // namespace

TextCore::TextCore(CoreLimits limits, Effects& effects)
    : limits_(std::move(limits)), effects_(effects), pages_(limits_.pages) {
  limits_.context = std::min(limits_.context, limits_.pages * kPageTokens);
}

// ---- messages
// ---------------------------------------------------------------------------------------------------------------------

bool TextCore::arrive(std::shared_ptr<const messages::Generate> request) {
  const RequestId id = request->header.id;
  // What another service had begun finds room where it was: at most that many ran there.
  if (queue_depth() >= limits_.queue + (request->resume.empty() ? 0 : limits_.sequences)) {
    emit(id, overloaded());
    return false;
  }
  Request r;
  r.arrived = effects_.clock().now();
  const std::uint32_t window = std::max(request->credit_events, 1u);
  r.credit = window - std::min(window, request->credit_spent);
  r.choices_left = std::max(request->choices, 1u);
  r.seed = request->sampling.seed ? *request->sampling.seed : effects_.random_seed();
  r.request = std::move(request);
  if (!requests_.try_emplace(id, std::move(r)).second) {
    emit(id, Error{Errc::internal, fmt::format("request id {} is in use", id.value), {}, {}});
    return false;
  }
  ++preparing_;
  return true;
}

// The ids themselves were checked with the prompt's.
Status TextCore::check_resume(const Request& r) {
  const auto& resume = r.request->resume;
  if (resume.empty()) return {};
  if (resume.size() != r.choices_left) {
    return fail(Errc::invalid_argument,
                fmt::format("resume is of {} choices, the request of {}", resume.size(), r.choices_left), "resume");
  }
  for (const messages::Resume& choice : resume) {
    const std::size_t tokens = choice.ended ? choice.completion_tokens : choice.tokens.size();
    if (choice.reasoning_tokens > choice.completion_tokens) {
      return fail(
          Errc::invalid_argument,
          fmt::format("resume has {} tokens of reasoning among {}", choice.reasoning_tokens, choice.completion_tokens),
          "resume");
    }
    if (tokens > r.max_tokens) {
      return fail(Errc::invalid_argument,
                  fmt::format("resume has {} tokens of a choice, which can have {} at most", tokens, r.max_tokens),
                  "resume");
    }
  }
  return {};
}

void TextCore::prepared(RequestId id, Expected<Prepared> prompt) {
  const auto it = requests_.find(id);
  if (it == requests_.end() || it->second.prompt) return;
  if (!prompt) return end_with(id, std::move(prompt.error()));
  Request& r = it->second;
  const char* const field = prompt_field(*r.request);
  const auto size = static_cast<std::uint32_t>(std::min<std::size_t>(prompt->tokens.size(), 0xffffffffu));
  if (size == 0) return end_with(id, Error{Errc::invalid_argument, "the prompt is empty", field, {}});
  if (size >= limits_.context) {
    return end_with(
        id, Error{Errc::context_overflow,
                  fmt::format("the prompt has {} tokens and leaves no room in the context of {} of model '{}'", size,
                              limits_.context, limits_.model),
                  field,
                  {}});
  }
  const std::uint32_t room = limits_.context - size;
  r.max_tokens = std::min(r.request->max_tokens.value_or(room), room);
  if (auto ok = check_resume(r); !ok) return end_with(id, std::move(ok.error()));
  --preparing_;
  r.usage.prompt_tokens = size;
  r.prompt = std::make_shared<const Prepared>(std::move(*prompt));
  emit(id, messages::Started{size});
  const auto& resume = r.request->resume;
  // Its client is in the middle of an answer: it goes before those whose answer has not begun.
  const auto priority = resume.empty() ? r.request->header.priority : messages::Priority::interactive;
  const std::uint32_t choices = r.choices_left;
  for (std::uint32_t choice = 0; choice < choices; ++choice) {
    if (!resume.empty() && resume[choice].ended) {
      r.usage.completion_tokens += resume[choice].completion_tokens;
      r.usage.reasoning_tokens += resume[choice].reasoning_tokens;
      --r.choices_left;
    } else {
      waiting_.push(priority, r.request->header.tenant, Waiting{id, choice});
    }
  }
  if (r.choices_left > 0) return;
  const Instant now = effects_.clock().now();
  r.opened = now;
  finish(id, now);
}

void TextCore::cancel(RequestId id) {
  if (requests_.contains(id)) drop(id);
}

void TextCore::grant(RequestId id, std::uint32_t events) {
  const auto it = requests_.find(id);
  if (it == requests_.end()) return;
  // Never more than the window, so that a client that grants too much buffers no more than it asked for.
  const std::uint32_t window = std::max(it->second.request->credit_events, 1u);
  it->second.credit += std::min(events, window - it->second.credit);
}

// ---- planning
// ---------------------------------------------------------------------------------------------------------------------

std::optional<StepPlan> TextCore::next_step() {
  if (in_flight_) return std::nullopt;
  StepPlan plan;
  plan.reset = std::exchange(reset_, false);
  plan.close = std::exchange(close_, {});
  open_waiting(plan);
  if (!order_.empty()) std::rotate(order_.begin(), order_.begin() + 1, order_.end());
  Spent spent;
  plan_decode(plan, spent);
  plan_drafts(plan, spent);
  plan_prompts(plan, spent);
  if (!plan.reset && plan.close.empty() && plan.open.empty() && plan.work.empty()) return std::nullopt;
  in_flight_ = true;
  return plan;
}

void TextCore::open_waiting(StepPlan& plan) {
  const Instant now = effects_.clock().now();
  while (running_.size() < limits_.sequences && !waiting_.empty()) {
    const Waiting next = *waiting_.front();
    Request& r = requests_.at(next.request);
    if (r.request->header.deadline.passed(now)) {
      end_with(next.request, Error{Errc::deadline, "the request's time was over before its turn came", {}, {}});
      continue;
    }
    // The whole prompt's pages and one more at once: once opened, only the answer may have to wait for pages.
    const SequenceId id{++last_sequence_};
    const auto& resume = r.request->resume;
    const auto had = resume.empty() ? 0u : static_cast<std::uint32_t>(resume[next.choice].tokens.size());
    const std::uint32_t given = r.usage.prompt_tokens + had;
    const std::uint32_t most = pages_for(r.usage.prompt_tokens + r.max_tokens);
    if (!pages_.open(id, std::min(most, pages_for(given) + 1), most)) return;
    waiting_.pop();
    if (r.choices_opened++ == 0) {
      r.opened = now;
      observed_.queue_s.push_back(seconds(now - r.arrived));
    }
    running_.emplace(id, Running{next.request, next.choice, given});
    order_.push_back(id);
    plan.open.push_back({id, next.choice, r.request, r.prompt, r.seed + next.choice, r.max_tokens});
  }
}

// Each sequence of a step may give one delta: a request has no more of them in a step than it has credit.
void TextCore::plan_decode(StepPlan& plan, Spent& spent) {
  for (const SequenceId id : order_) {
    if (plan.work.size() >= limits_.step_rows) return;
    const Running& s = running_.at(id);
    if (!s.decoding()) continue;
    if (spent[s.request] >= requests_.at(s.request).credit) continue;  // a slow client slows only itself
    if (!pages_.grow(id, pages_for(s.fed + 1))) continue;
    ++spent[s.request];
    plan.work.push_back({id, 0});
  }
}

// Every token is a delta and takes a credit. What is planned is what may be used: the lane knows the tokens and drafts.
void TextCore::plan_drafts(StepPlan& plan, Spent& spent) {
  const auto decoding = static_cast<std::uint32_t>(plan.work.size());
  if (decoding == 0 || limits_.draft_tokens == 0 || decoding + kMostDraftRows > limits_.step_rows) return;
  plan.draft_worth = cost_.worth(decoding);
  for (Work& work : plan.work) {
    const Running& s = running_.at(work.id);
    const Request& r = requests_.at(s.request);
    const std::uint32_t tokens_left = r.max_tokens - std::min(r.max_tokens, s.generated + 1);
    const std::uint32_t drafts = std::min({limits_.draft_tokens, kMostDraftRows / decoding, tokens_left,
                                           r.credit - std::min(r.credit, spent[s.request])});
    if (drafts == 0 || !pages_.grow(work.id, pages_for(s.fed + 1 + drafts))) continue;
    spent[s.request] += drafts;
    work.drafts = drafts;
  }
}

std::uint32_t TextCore::prompt_budget(std::uint32_t decode_rows) const {
  if (decode_rows == 0) return limits_.step_rows;
  std::uint32_t rows = limits_.step_rows - std::min(limits_.step_rows, decode_rows);
  if (prompt_row_s_ < 0) {
    rows = std::min(rows, 2 * limits_.fewest_prompt_rows);  // to learn what a row costs, without holding up the streams
  } else {
    const double left = std::max(0.0, seconds(limits_.step_target) - std::max(0.0, decode_step_s_));
    rows = std::min(rows, static_cast<std::uint32_t>(std::min(1e6, left / std::max(prompt_row_s_, 1e-9))));
  }
  return std::max(rows, limits_.fewest_prompt_rows);
}

void TextCore::plan_prompts(StepPlan& plan, Spent& spent) {
  // Tenants in turn, and within a tenant its prompts in turn, a quantum each, until the budget is spent.
  constexpr std::uint32_t kQuantum = 32;
  struct Prompt {
    SequenceId id;
    std::uint32_t left = 0, rows = 0;
  };
  struct Line {
    TenantId tenant;
    std::vector<Prompt> prompts;
    std::size_t next = 0;
  };
  std::vector<Line> lines;
  for (const SequenceId id : order_) {
    const Running& s = running_.at(id);
    const Request& r = requests_.at(s.request);
    if (s.decoding() || spent[s.request] >= r.credit) continue;
    ++spent[s.request];
    const TenantId tenant = r.request->header.tenant;
    auto line = std::find_if(lines.begin(), lines.end(), [&](const Line& l) { return l.tenant == tenant; });
    if (line == lines.end()) line = lines.insert(lines.end(), Line{tenant, {}});
    line->prompts.push_back({id, s.given - s.fed});
  }
  std::uint32_t decode_rows = 0;
  for (const Work& work : plan.work) decode_rows += 1 + work.drafts;
  std::uint32_t budget = prompt_budget(decode_rows);
  for (bool given = true; given && budget > 0;) {
    given = false;
    for (Line& line : lines) {
      for (std::size_t tried = 0; tried < line.prompts.size() && budget > 0; ++tried) {
        Prompt& p = line.prompts[line.next++ % line.prompts.size()];
        const std::uint32_t rows = std::min({kQuantum, p.left - p.rows, budget});
        if (rows == 0) continue;
        p.rows += rows;
        budget -= rows;
        given = true;
        break;
      }
    }
  }
  for (const Line& line : lines) {
    for (const Prompt& p : line.prompts) {
      if (p.rows > 0) plan.work.push_back({p.id, p.rows});
    }
  }
}

// ---- results
// ----------------------------------------------------------------------------------------------------------------------

void TextCore::step_done(StepReport report) {
  in_flight_ = false;
  const Instant now = effects_.clock().now();
  ++observed_.steps;
  const double took = seconds(report.took);
  if (report.prompt_rows == 0 && report.decode_rows > 0) {
    update_mean(decode_step_s_, took);
    cost_.add(report.decode_rows, took);
  }
  if (report.prompt_rows >= limits_.fewest_prompt_rows) {
    const double decode = report.decode_rows > 0 ? std::clamp(decode_step_s_, 0.0, took / 2) : 0;
    update_mean(prompt_row_s_, (took - decode) / report.prompt_rows);
  }
  for (const SequenceStep& step : report.sequences) observed_.accepted_tokens += step.guessed ? 1 : 0;
  for (SequenceStep& step : report.sequences) apply(step, now);
}

void TextCore::apply(SequenceStep& step, Instant now) {
  const auto it = running_.find(step.id);
  if (it == running_.end()) return;  // cancelled meanwhile
  Running& s = it->second;
  const RequestId id = s.request;
  if (step.error) return end_with(id, std::move(*step.error));
  Request& r = requests_.at(id);

  const bool resumed = !r.request->resume.empty();
  (resumed ? observed_.recomputed_tokens : observed_.prompt_tokens) += step.prompt_rows;
  s.fed += step.prompt_rows > 0 ? step.prompt_rows : 1;
  observed_.drafted_tokens += step.drafted;
  s.generated += step.resumed_tokens + step.tokens;
  s.reasoning += step.resumed_reasoning + (step.reasoning ? step.tokens : 0);
  if (step.tokens > 0) {
    observed_.generated_tokens += step.tokens;
    if (!r.first_token) {
      r.first_token = now;
      if (!resumed) observed_.first_token_s.push_back(seconds(now - r.arrived));
    }
    if (s.last_token) observed_.between_tokens_s.push_back(seconds(now - *s.last_token));
    s.last_token = now;
  }
  if (step.has_delta()) {
    step.delta.choice = s.choice;
    emit(id, std::move(step.delta));
    if (r.credit > 0) --r.credit;
  }
  if (!step.end) return;
  emit(id, messages::ChoiceEnd{s.choice, *step.end, s.generated, s.reasoning});
  r.usage.completion_tokens += s.generated;
  r.usage.reasoning_tokens += s.reasoning;
  pages_.close(step.id);  // the runner gave them back with the step
  std::erase(order_, step.id);
  running_.erase(it);
  if (--r.choices_left == 0) finish(id, now);
}

void TextCore::finish(RequestId id, Instant now) {
  Request& r = requests_.at(id);
  const Instant first = r.first_token.value_or(now);
  messages::Finished finished;
  finished.usage = r.usage;
  finished.timings.prompt_n = r.usage.prompt_tokens;
  finished.timings.predicted_n = r.usage.completion_tokens;
  finished.timings.queue_ms = milliseconds(r.opened - r.arrived);
  finished.timings.prompt_ms = milliseconds(first - r.opened);
  finished.timings.predicted_ms = milliseconds(now - first);
  update_mean(request_s_, seconds(now - r.opened));
  emit(id, finished);
  requests_.erase(id);
}

void TextCore::end_with(RequestId id, Error error) {
  emit(id, std::move(error));
  drop(id);
}

void TextCore::drop(RequestId id) {
  const auto request = requests_.find(id);
  if (!request->second.prompt) --preparing_;
  waiting_.remove_if([id](const Waiting& w) { return w.request == id; });
  for (auto it = running_.begin(); it != running_.end();) {
    if (it->second.request != id) {
      ++it;
      continue;
    }
    close_.push_back(it->first);
    pages_.close(it->first);
    std::erase(order_, it->first);
    it = running_.erase(it);
  }
  requests_.erase(request);
}

std::size_t TextCore::queue_depth() const noexcept {
  std::size_t depth = 0;
  for (const auto& [id, r] : requests_) depth += r.choices_opened == 0;
  return depth;
}

Error TextCore::overloaded() const {
  // When a place should come free: a mean request's life times the rounds that wait.
  const double rounds = std::ceil(static_cast<double>(limits_.queue) / std::max(1u, limits_.sequences));
  const double wait_s = std::clamp(request_s_ * rounds, 1.0, 60.0);
  return Error{Errc::overloaded,
               fmt::format("{} requests wait for model '{}', the limit: retry later", limits_.queue, limits_.model),
               {},
               std::chrono::milliseconds(static_cast<std::int64_t>(wait_s * 1000))};
}

std::vector<TextCore::Outgoing> TextCore::take_events() { return std::exchange(events_, {}); }
TextCore::Observed TextCore::take_observed() { return std::exchange(observed_, {}); }

}  // namespace zenith::services
