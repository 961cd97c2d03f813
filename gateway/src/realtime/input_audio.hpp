// What a client has said and not committed: appended bytes, resampled to 16 kHz and heard slice by slice.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "realtime/audio.hpp"
#include "realtime/turns.hpp"
#include "zenith/gateway/voice_activity.hpp"

namespace zenith::gateway::realtime {

/// Positions are samples at 16 kHz since the session's first. Plain; one thread.
class InputAudio {
 public:
  static constexpr std::uint32_t kRate = 16000;
  static constexpr std::size_t kMostAppend = std::size_t{15} << 20;          ///< bytes of one append
  static constexpr std::size_t kMostPending = std::size_t{20} << 20;         ///< bytes appended and not heard yet
  static constexpr std::uint64_t kMostSamples = std::uint64_t{kRate} * 600;  ///< kept: ten minutes
  static constexpr std::size_t kSlice = 4096;  ///< appended samples that hear() takes at once: at most 0.5 s of sound

  /// @param make empty: nothing is heard, every sample is kept.
  explicit InputAudio(const MakeVoiceActivity& make);

  /// @pre a whole number of samples. @returns false when too much waits already: nothing was taken.
  bool append(Encoding encoding, std::string bytes);
  bool pending() const noexcept { return !pending_.empty(); }
  /// Takes the next slice. `edge` is called in order, with the sample at which the frame that made it ends. A frame is
  /// judged every 16 ms: waiting for a grid of 32 ms would cost a barge-in up to that much.
  /// @param rules null: no detection, everything is kept. Without speech only the prefix is kept.
  void hear(const ServerVad* rules, const std::function<void(Edge, std::uint64_t at)>& edge);

  std::uint64_t begin() const noexcept { return begin_; }  ///< of what is kept
  std::uint64_t end() const noexcept { return begin_ + kept_.size(); }
  bool hears() const noexcept { return detectors_.front() != nullptr; }
  bool full() const noexcept { return kept_.size() >= kMostSamples; }
  bool speaking() const noexcept { return turns_.speaking(); }
  std::size_t bytes() const noexcept { return kept_.size() * 2 + pending_bytes_; }

  /// Takes what is kept before that sample; a turn that is being spoken is over. Also from within `edge`.
  std::vector<std::int16_t> take(std::uint64_t until);
  /// A copy of what take() would give.
  std::vector<std::int16_t> peek(std::uint64_t until) const;
  void clear();  ///< what waits too

 private:
  struct Piece {
    Encoding encoding;
    std::string bytes;
    std::size_t at = 0;
  };

  void judge(const std::int16_t* hop, const ServerVad& rules, const std::function<void(Edge, std::uint64_t at)>& edge);

  static constexpr std::size_t kHop = VoiceActivity::kFrame / 2;
  std::array<std::unique_ptr<VoiceActivity>, 2> detectors_;  ///< the second's frames begin half a frame later
  std::size_t next_detector_ = 0;
  std::array<float, VoiceActivity::kFrame> frame_{};  ///< the last two hops
  TurnDetector turns_;
  std::deque<Piece> pending_;
  std::size_t pending_bytes_ = 0;
  Encoding encoding_ = Encoding::pcm;
  std::optional<Resampler> resampler_;         ///< made with the first sound
  std::vector<std::int16_t> decoded_, fresh_;  ///< of the slice
  std::vector<std::int16_t> kept_;
  std::uint64_t begin_ = 0;
  std::uint64_t heard_ = 0;  ///< up to here hops have been judged
};

}  // namespace zenith::gateway::realtime
