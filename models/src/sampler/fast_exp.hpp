// e^x for softmax weights: the same bits on every machine and vectorisable, unlike the C library's.
#pragma once

#include <bit>
#include <cstdint>

namespace zenith::models {

/// @param x <= 0; below -87 (and for -inf) the result is 0. Relative error <= 3e-7.
inline float fast_exp(float x) noexcept {
  constexpr float kLog2e = 1.44269504F, kLn2High = 0.693359375F,
                  kLn2Low = -2.12194440e-4F;  // Cody and Waite's split of ln 2
  constexpr float kRound = 12582912.0F;       // 1.5 * 2^23: adding it rounds to an integer
  const float y = x < -87.0F ? -87.0F : x;
  const float shifted = y * kLog2e + kRound;
  const float n = shifted - kRound;
  const float r = (y - n * kLn2High) - n * kLn2Low;
  float p = 1.0F / 720;
  p = p * r + 1.0F / 120;
  p = p * r + 1.0F / 24;
  p = p * r + 1.0F / 6;
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  const auto scale = std::bit_cast<float>((static_cast<std::int32_t>(n) + 127) << 23);
  return x < -87.0F ? 0.0F : p * scale;
}

}  // namespace zenith::models
