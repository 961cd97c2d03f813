// The text core's state: admission, the batch of each step, credits, ends. Messages in, plans and events out; no
// thread, no model.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "zenith/core/clock.hpp"
#include "zenith/core/effects.hpp"
#include "zenith/services/text/fair_queue.hpp"
#include "zenith/services/text/page_budget.hpp"
#include "zenith/services/text/step.hpp"
#include "zenith/services/text/step_cost.hpp"

namespace zenith::services {

/// Drafted rows of one step, in all: a step of so many rows reads the weights no more often than one of a single row.
inline constexpr std::uint32_t kMostDraftRows = 16;

struct CoreLimits {
  std::string model;                                     ///< for error texts
  std::uint32_t context = 0;                             ///< tokens of one sequence, prompt and answer
  std::uint32_t pages = 0;                               ///< of 64 tokens
  std::uint32_t sequences = 64;                          ///< running at once
  std::uint32_t queue = 256;                             ///< requests that wait (those being tokenised among them)
  std::uint32_t step_rows = 256;                         ///< rows of one step
  std::uint32_t draft_tokens = 0;                        ///< verified in one step behind a decode row, at most; 0 = off
  std::uint32_t fewest_prompt_rows = 16;                 ///< prompt rows that a step may always have
  Duration step_target = std::chrono::milliseconds(60);  ///< a step with running streams should not take longer
};

/// Plain; one thread at a time (the actor that owns it).
class TextCore {
 public:
  TextCore(CoreLimits limits, Effects& effects);

  /// A request arrives and shall be tokenised. @returns false when it was refused (its error is among the events).
  bool arrive(std::shared_ptr<const messages::Generate> request);
  void prepared(RequestId id, Expected<Prepared> prompt);
  void cancel(RequestId id);  ///< no more events for it
  void grant(RequestId id, std::uint32_t events);

  /// The next step, unless one is in flight or there is nothing to do.
  std::optional<StepPlan> next_step();
  void step_done(StepReport report);

  struct Outgoing {
    RequestId id;
    messages::Event event;
  };
  std::vector<Outgoing> take_events();

  /// For metrics, since the last call.
  struct Observed {
    std::vector<double> first_token_s, between_tokens_s, queue_s;
    std::uint64_t prompt_tokens = 0, generated_tokens = 0, steps = 0;
    std::uint64_t drafted_tokens = 0, accepted_tokens = 0;
    std::uint64_t recomputed_tokens = 0;  ///< of requests that another service had begun, prompts included
  };
  Observed take_observed();

  std::size_t queue_depth() const noexcept;  ///< requests of which nothing runs yet
  std::size_t running() const noexcept { return running_.size(); }
  std::size_t requests() const noexcept { return requests_.size(); }
  const PageBudget& pages() const noexcept { return pages_; }

 private:
  struct Request {
    std::shared_ptr<const messages::Generate> request;
    std::shared_ptr<const Prepared> prompt;  // null while it is tokenised
    std::uint64_t seed = 0;
    std::uint32_t max_tokens = 0;
    std::uint32_t credit = 0;
    std::uint32_t choices_left = 0, choices_opened = 0;
    messages::Usage usage;
    Instant arrived{}, opened{};
    std::optional<Instant> first_token;
  };
  struct Running {
    RequestId request;
    std::uint32_t choice = 0;
    std::uint32_t given = 0, fed = 0;  // given: the prompt and what the client has got already
    std::uint32_t generated = 0, reasoning = 0;
    std::optional<Instant> last_token;
    bool decoding() const noexcept { return fed >= given; }
  };
  struct Waiting {
    RequestId request;
    std::uint32_t choice = 0;
  };

  static Status check_resume(const Request& r);
  void emit(RequestId id, messages::Event event) { events_.push_back({id, std::move(event)}); }
  void end_with(RequestId id, Error error);
  void drop(RequestId id);
  void open_waiting(StepPlan& plan);
  std::uint32_t prompt_budget(std::uint32_t decode_rows) const;
  using Spent = std::unordered_map<RequestId, std::uint32_t>;
  void plan_decode(StepPlan& plan, Spent& spent);
  void plan_drafts(StepPlan& plan, Spent& spent);
  void plan_prompts(StepPlan& plan, Spent& spent);
  void apply(SequenceStep& step, Instant now);
  void finish(RequestId id, Instant now);
  Error overloaded() const;

  CoreLimits limits_;
  Effects& effects_;
  PageBudget pages_;
  std::unordered_map<RequestId, Request> requests_;
  FairQueue<Waiting> waiting_;
  std::size_t preparing_ = 0;
  std::vector<SequenceId> order_;  // of running sequences; rotated, so that each comes first in turn
  std::unordered_map<SequenceId, Running> running_;
  std::vector<SequenceId> close_;  // for the next plan
  std::vector<Outgoing> events_;
  Observed observed_;
  std::uint64_t last_sequence_ = 0;
  bool reset_ = true, in_flight_ = false;
  StepCost cost_;
  // Running means; negative: not known yet. The last one is a request's life, for Retry-After.
  double prompt_row_s_ = -1, decode_step_s_ = -1, request_s_ = -1;
};

}  // namespace zenith::services
