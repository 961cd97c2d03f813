// Probabilities of speech to turns: when somebody began, and when they were done.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

namespace zenith::gateway::realtime {

/// turn_detection of type server_vad.
struct ServerVad {
  float threshold = 0.5F;
  std::uint32_t prefix_ms = 300, silence_ms = 500;
  std::optional<std::uint32_t> idle_ms;  ///< after an answer, silence of that length makes a turn
  bool create_response = true, interrupt_response = true;
};

enum class Edge : std::uint8_t { none, started, paused, resumed, stopped };

/// Frame by frame, each half over the one before. Speech begins with one frame halfway from the threshold to certainty
/// or with two in a row at the threshold, and ends after `silence_ms` below the threshold less 0.15 (what is between
/// goes on as it was).
class TurnDetector {
 public:
  static constexpr std::uint32_t kFrameMs = 32, kHopMs = 16;
  static constexpr std::uint32_t kPauseMs = 200;  ///< of silence within a turn: `paused`, then `resumed` or `stopped`

  Edge on_frame(float probability, const ServerVad& rules) noexcept {
    if (!speaking_) {
      const bool again = loud_;
      loud_ = probability >= rules.threshold;
      if (probability < (1 + rules.threshold) / 2 && !(loud_ && again)) return Edge::none;
      speaking_ = true;
      quiet_ms_ = 0;
      return Edge::started;
    }
    if (probability >= rules.threshold) {
      quiet_ms_ = 0;
      return std::exchange(paused_, false) ? Edge::resumed : Edge::none;
    }
    if (probability < rules.threshold - 0.15F || quiet_ms_ > 0) quiet_ms_ += quiet_ms_ == 0 ? kFrameMs : kHopMs;
    if (quiet_ms_ == 0) return Edge::none;
    if (quiet_ms_ < rules.silence_ms)
      return quiet_ms_ >= kPauseMs && !std::exchange(paused_, true) ? Edge::paused : Edge::none;
    reset();
    return Edge::stopped;
  }
  bool speaking() const noexcept { return speaking_; }
  void reset() noexcept { *this = {}; }

 private:
  bool speaking_ = false, loud_ = false, paused_ = false;
  std::uint32_t quiet_ms_ = 0;
};

}  // namespace zenith::gateway::realtime
