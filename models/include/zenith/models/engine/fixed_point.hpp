// Sums of expert outputs as integers: any grouping, order or place gives the same bits.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace zenith::models {

inline constexpr double kFixedOne = 1099511627776.0;  ///< 2^40

/// value * 2^40, to the nearest; past +-2^22 it saturates, which leaves a sum of two room in 64 bits. NaN becomes 0.
inline std::int64_t to_fixed(float value) noexcept {
  constexpr double kMost = 4194304.0 * kFixedOne;
  const double scaled = static_cast<double>(value) * kFixedOne;
  return std::isnan(scaled) ? 0 : static_cast<std::int64_t>(std::nearbyint(std::clamp(scaled, -kMost, kMost)));
}

inline float from_fixed(std::int64_t sum) noexcept { return static_cast<float>(static_cast<double>(sum) / kFixedOne); }

}  // namespace zenith::models
