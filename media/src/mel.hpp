// What whisper hears: the logarithm of the power in 80 mel bands, 100 frames a second.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace zenith::media {

inline constexpr std::uint32_t kMelRate = 16000;  // Hz
inline constexpr std::size_t kMelBands = 80, kMelHop = 160, kMelFrames = 3000;
inline constexpr std::size_t kMelSamples = kMelHop * kMelFrames;  // 30 s

/// @param samples f32 at 16 kHz; what lies beyond the frames is cut. @param frames silence is added up to them; at most
/// kMelFrames.
/// @returns f32 [80, frames], bands slowest: Hann windows of 400 samples, hop 160, reflected at the beginning; slaney
/// bands; log10 floored at 8 below the highest; (x + 4) / 4.
std::vector<float> log_mel(std::span<const float> samples, std::size_t frames = kMelFrames);

}  // namespace zenith::media
