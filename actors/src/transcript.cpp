#include "zenith/actors/transcript.hpp"

#include <algorithm>
#include <chrono>

namespace zenith::actors {

using messages::Resume;

Transcript::Transcript(std::shared_ptr<const messages::Generate> request)
    : request_(std::move(request)),
      choices_(std::max(request_->choices, 1u)),
      window_(std::max(request_->credit_events, 1u)),
      credit_(window_) {}

bool Transcript::fits(const messages::Event& event) const noexcept {
  const auto open = [this](std::uint32_t choice) { return choice < choices_.size() && !choices_[choice].ended; };
  if (const auto* delta = std::get_if<messages::Delta>(&event)) return open(delta->choice);
  if (const auto* end = std::get_if<messages::ChoiceEnd>(&event)) return open(end->choice);
  return true;
}

void Transcript::delivered(const messages::Event& event, Instant now) {
  if (const auto* started = std::get_if<messages::Started>(&event)) {
    prompt_tokens_ = started->prompt_tokens;
  } else if (const auto* delta = std::get_if<messages::Delta>(&event)) {
    Resume& choice = choices_[delta->choice];
    choice.tokens.insert(choice.tokens.end(), delta->tokens.begin(), delta->tokens.end());
    choice.echoed = true;
    if (!first_delta_) first_delta_ = now;
    if (credit_ > 0) --credit_;
    ++progress_;
  } else if (const auto* end = std::get_if<messages::ChoiceEnd>(&event)) {
    choices_[end->choice] = {{}, true, true, end->completion_tokens, end->reasoning_tokens};
    ++progress_;
  }
}

void Transcript::granted(std::uint32_t events) noexcept { credit_ += std::min(events, window_ - credit_); }

std::shared_ptr<const messages::Generate> Transcript::resumed() const {
  auto next = std::make_shared<messages::Generate>(*request_);
  if (begun()) next->resume = choices_;
  next->credit_spent = window_ - credit_;
  return next;
}

bool Transcript::begun() const noexcept { return progress_ > 0; }

bool Transcript::complete() const noexcept {
  return prompt_tokens_ && std::all_of(choices_.begin(), choices_.end(), [](const Resume& c) { return c.ended; });
}

messages::Finished Transcript::finished(Instant now) const {
  messages::Finished out;
  out.usage.prompt_tokens = prompt_tokens_.value_or(0);
  for (const Resume& choice : choices_) {
    out.usage.completion_tokens += choice.completion_tokens;
    out.usage.reasoning_tokens += choice.reasoning_tokens;
  }
  out.timings.prompt_n = out.usage.prompt_tokens;
  out.timings.predicted_n = out.usage.completion_tokens;
  correct(out.timings, now);
  return out;
}

void Transcript::correct(messages::Timings& timings, Instant now) const {
  if (first_delta_) timings.predicted_ms = std::chrono::duration<double, std::milli>(now - *first_delta_).count();
}

}  // namespace zenith::actors
