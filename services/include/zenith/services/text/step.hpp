// What passes between the text core (an actor's state: plans) and the runner (on the compute lane: does).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "zenith/core/clock.hpp"
#include "zenith/core/error.hpp"
#include "zenith/core/ids.hpp"
#include "zenith/messages/reply.hpp"
#include "zenith/messages/request.hpp"

namespace zenith::services {

using SequenceId = Strong<struct SequenceIdTag>;  ///< one choice of one request; unique in a service's life

/// A request after templating and tokenising.
struct Prepared {
  std::vector<TokenId> tokens;
  bool starts_in_reasoning = false;  ///< the prompt ends with the opening tag
};

struct OpenSequence {
  SequenceId id;
  std::uint32_t choice = 0;
  std::shared_ptr<const messages::Generate> request;
  std::shared_ptr<const Prepared> prompt;
  std::uint64_t seed = 0;        ///< for this choice, when the request names none
  std::uint32_t max_tokens = 0;  ///< >= 1; or 0 with echo: only the prompt comes back

  /// What the client has of this choice already; null on a first attempt.
  const messages::Resume* resume() const noexcept {
    return request->resume.empty() ? nullptr : &request->resume[choice];
  }
};

/// The next `prompt_rows` tokens of what is given (the prompt, then what the client has got already), or one decode row
/// when 0.
struct Work {
  SequenceId id;
  std::uint32_t prompt_rows = 0;
  std::uint32_t drafts = 0;  ///< with a decode row: drafted rows that may be verified behind it; their pages are there
};

/// In this order: forget everything (after a restart), close, open, run.
struct StepPlan {
  bool reset = false;
  std::vector<SequenceId> close;
  std::vector<OpenSequence> open;
  std::vector<Work> work;
  double draft_worth = 1;  ///< a drafted row pays when its token's chance is at least this
};

/// What one sequence got from a step.
struct SequenceStep {
  SequenceId id;
  std::uint32_t prompt_rows = 0;  ///< of what was given, now in KV
  std::uint32_t tokens = 0;       ///< generated: 0 or 1
  bool reasoning = false;         ///< that token was inside the reasoning tags
  messages::Delta delta;          ///< text that may be sent now
  std::optional<messages::FinishReason> end;
  std::optional<Error> error;                               ///< this sequence cannot go on; the others were not touched
  std::uint32_t resumed_tokens = 0, resumed_reasoning = 0;  ///< in the step that computed the last of what was given
  std::uint32_t drafted = 0;                                ///< rows that were verified behind the decode row
  bool guessed = false;                                     ///< its token is the one that was drafted

  bool has_delta() const noexcept {
    return !delta.content.empty() || !delta.reasoning.empty() || !delta.logprobs.empty();
  }
};

struct StepReport {
  std::vector<SequenceStep> sequences;  ///< one for each Work, in order, then one for each drafted token that was right
  std::uint32_t prompt_rows = 0, decode_rows = 0;
  Duration took{};
};

}  // namespace zenith::services
