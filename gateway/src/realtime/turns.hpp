// Probabilities of speech to turns: when somebody began, and when they were done.
#pragma once

#include <cstdint>
#include <optional>

namespace zenith::gateway::realtime {

/// turn_detection of type server_vad.
struct ServerVad {
  float threshold = 0.5F;
  std::uint32_t prefix_ms = 300, silence_ms = 500;
  std::optional<std::uint32_t> idle_ms;  ///< after an answer, silence of that length makes a turn
  bool create_response = true, interrupt_response = true;
};

enum class Edge : std::uint8_t { none, started, stopped };

/// Frame by frame. Speech begins with two frames in a row at or above the threshold, and ends after `silence_ms` below
/// the threshold less 0.15 (what is between goes on as it was).
class TurnDetector {
 public:
  static constexpr std::uint32_t kFrameMs = 32, kOnsetFrames = 2;

  Edge on_frame(float probability, const ServerVad& rules) noexcept {
    if (!speaking_) {
      loud_ = probability >= rules.threshold ? loud_ + 1 : 0;
      if (loud_ < kOnsetFrames) return Edge::none;
      speaking_ = true;
      quiet_ms_ = 0;
      return Edge::started;
    }
    if (probability >= rules.threshold) quiet_ms_ = 0;
    if (probability < rules.threshold - 0.15F || quiet_ms_ > 0) quiet_ms_ += kFrameMs;
    if (quiet_ms_ < rules.silence_ms || quiet_ms_ == 0) return Edge::none;
    reset();
    return Edge::stopped;
  }
  bool speaking() const noexcept { return speaking_; }
  void reset() noexcept { *this = {}; }

 private:
  bool speaking_ = false;
  std::uint32_t loud_ = 0, quiet_ms_ = 0;
};

}  // namespace zenith::gateway::realtime
