#include "zenith/actors/hops.hpp"

#include <algorithm>
#include <limits>

namespace zenith::actors {
namespace {

std::uint32_t microseconds(double ms) noexcept {
  constexpr double kMost = std::numeric_limits<std::uint32_t>::max();
  return static_cast<std::uint32_t>(std::clamp(ms * 1000, 0.0, kMost));
}

}  // namespace

std::string_view hop_name(Stage::Kind kind) noexcept {
  switch (kind) {
    case Stage::Kind::think: return "text";
    case Stage::Kind::embed: return "embedding";
    case Stage::Kind::text: return "tokens";
    case Stage::Kind::speak: return "speech";
    case Stage::Kind::transcribe: return "transcription";
    case Stage::Kind::see: return "ocr";
    case Stage::Kind::sense: return "sensor";
  }
  return "unknown";
}

void OpenHop::begin(messages::Header& header, const Stage& stage, std::uint32_t attempt, Instant now) {
  receipt_ = header.receipt;
  if (!receipt_) return;
  header.trace = receipt_->span_below(header.trace);
  hop_ = {};
  hop_.name = hop_name(stage.kind);
  hop_.service = stage.service_id;
  hop_.model = stage.model;
  hop_.generation = stage.generation;
  hop_.attempt = attempt;
  hop_.begun = now;
  hop_.trace = header.trace;
}

void OpenHop::end(const messages::Spent& spent, Instant now) {
  const auto receipt = std::exchange(receipt_, nullptr);
  if (!receipt) return;
  hop_.spent = spent;
  hop_.ended = now;
  receipt->add(std::move(hop_));
}

void OpenHop::end(const messages::Usage& usage, const messages::Spent& spent, Instant now) {
  hop_.prompt_tokens = usage.prompt_tokens;
  hop_.completion_tokens = usage.completion_tokens;
  end(spent, now);
}

void OpenHop::fail(const Error& error, Instant now) {
  hop_.error = error;
  end(messages::Spent{}, now);
}

messages::Spent spent_of(const messages::Timings& timings, const messages::Spent& link) noexcept {
  return {microseconds(timings.queue_ms), microseconds(timings.prompt_ms + timings.predicted_ms), link.bytes,
          link.copies};
}

}  // namespace zenith::actors
