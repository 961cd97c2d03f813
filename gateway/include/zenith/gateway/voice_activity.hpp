// What tells the gateway that somebody speaks. services/ or tools/ bring it: the gateway links no models.
#pragma once

#include <functional>
#include <memory>
#include <span>

namespace zenith::gateway {

/// One stream's detector. The loop's thread.
class VoiceActivity {
 public:
  static constexpr std::size_t kFrame = 512;  ///< samples at 16 kHz: 32 ms
  virtual ~VoiceActivity() = default;
  /// @param samples -1 … 1, those that follow the ones of the call before. @returns the probability of speech. Well
  /// under a millisecond.
  virtual float probability(std::span<const float, kFrame> samples) noexcept = 0;
  virtual void reset() noexcept = 0;
};

using MakeVoiceActivity = std::function<std::unique_ptr<VoiceActivity>()>;

}  // namespace zenith::gateway
