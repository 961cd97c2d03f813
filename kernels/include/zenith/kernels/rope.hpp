// Rotary position embeddings.  Source: arXiv:2104.09864; frequency factors as in Llama 3's GGUF `rope_freqs`.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "zenith/core/view.hpp"
#include "zenith/kernels/exec.hpp"

namespace zenith::kernels {

enum class RopePairs : std::uint8_t {
  adjacent /* (0,1) (2,3) …: GGUF "norm" */,
  halves /* (0,d/2) (1,d/2+1) …: "neox" */
};

/// The inverse frequencies of a model: one a pair, computed in double.
class RopeTable {
 public:
  /// theta_i = base^(-2i/dims) * linear_scale / factors[i]. @param factors f32 [dims/2] or empty.
  RopeTable(std::size_t dims, double base, double linear_scale, std::span<const float> factors, RopePairs pairs);
  std::size_t dims() const noexcept { return inverse_.size() * 2; }
  RopePairs pairs() const noexcept { return pairs_; }
  std::span<const double> inverse() const noexcept { return inverse_; }

  /// cos and sin of position * inverse()[i], each [dims/2], computed in double. Any thread.
  void cos_sin(std::int32_t position, float* cos, float* sin) const noexcept;

 private:
  /// Positions are kSteps * high + low: two small tables and the addition theorem stand for sin and cos below kSteps^2.
  static constexpr std::size_t kSteps = 512;
  std::vector<double> steps_;  ///< [2, kSteps, 2, dims/2]: multiples of 1, then of kSteps; cos, then sin
  std::vector<double> inverse_;
  RopePairs pairs_;
};

/// Rotates the first table.dims() of each head in place. @param x f32 [T, heads * head_dim]. @param positions [T].
/// Angles are computed in double, so position 100,000 is as exact as position 1. Tolerance: nmse <= 1e-12.
void rope(Exec& ex, View2<float> x, std::size_t head_dim, std::span<const std::int32_t> positions,
          const RopeTable& table) noexcept;

}  // namespace zenith::kernels
