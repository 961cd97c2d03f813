#include "zenith/kernels/rope.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "rope.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "zenith/kernels/thread_pool.hpp"

HWY_BEFORE_NAMESPACE();
namespace zenith::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Pairs (a[i], b[i]), i < half.
void RotateHalves(float* HWY_RESTRICT a, float* HWY_RESTRICT b, const float* HWY_RESTRICT cos,
                  const float* HWY_RESTRICT sin, std::size_t half) {
  const hn::ScalableTag<float> d;
  std::size_t i = 0;
  for (; i + hn::Lanes(d) <= half; i += hn::Lanes(d)) {
    const auto c = hn::LoadU(d, cos + i), s = hn::LoadU(d, sin + i), x0 = hn::LoadU(d, a + i), x1 = hn::LoadU(d, b + i);
    hn::StoreU(hn::Sub(hn::Mul(x0, c), hn::Mul(x1, s)), d, a + i);
    hn::StoreU(hn::Add(hn::Mul(x0, s), hn::Mul(x1, c)), d, b + i);
  }
  for (; i < half; ++i) {
    const float x0 = a[i], x1 = b[i];
    a[i] = x0 * cos[i] - x1 * sin[i];
    b[i] = x0 * sin[i] + x1 * cos[i];
  }
}

/// Pairs (x[2i], x[2i + 1]).
void RotateAdjacent(float* HWY_RESTRICT x, const float* HWY_RESTRICT cos, const float* HWY_RESTRICT sin,
                    std::size_t half) {
  const hn::ScalableTag<float> d;
  std::size_t i = 0;
  for (; i + hn::Lanes(d) <= half; i += hn::Lanes(d)) {
    hn::Vec<decltype(d)> x0, x1;
    hn::LoadInterleaved2(d, x + 2 * i, x0, x1);
    const auto c = hn::LoadU(d, cos + i), s = hn::LoadU(d, sin + i);
    hn::StoreInterleaved2(hn::Sub(hn::Mul(x0, c), hn::Mul(x1, s)), hn::Add(hn::Mul(x0, s), hn::Mul(x1, c)), d,
                          x + 2 * i);
  }
  for (; i < half; ++i) {
    const float x0 = x[2 * i], x1 = x[2 * i + 1];
    x[2 * i] = x0 * cos[i] - x1 * sin[i];
    x[2 * i + 1] = x0 * sin[i] + x1 * cos[i];
  }
}

}  // namespace zenith::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <cmath>

namespace zenith::kernels {

HWY_EXPORT(RotateHalves);
HWY_EXPORT(RotateAdjacent);

RopeTable::RopeTable(std::size_t dims, double base, double linear_scale, std::span<const float> factors,
                     RopePairs pairs)
    : inverse_(dims / 2), pairs_(pairs) {
  for (std::size_t i = 0; i < inverse_.size(); ++i) {
    inverse_[i] = std::pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(dims)) * linear_scale;
    if (i < factors.size()) inverse_[i] /= double{factors[i]};
  }
  const std::size_t half = inverse_.size();
  steps_.resize(2 * kSteps * half * 2);
  for (std::size_t level = 0; level < 2; ++level) {
    for (std::size_t step = 0; step < kSteps; ++step) {
      double* at = steps_.data() + (level * kSteps + step) * half * 2;
      for (std::size_t i = 0; i < half; ++i) {
        const double angle = static_cast<double>(step * (level == 0 ? 1 : kSteps)) * inverse_[i];
        at[i] = std::cos(angle);
        at[half + i] = std::sin(angle);
      }
    }
  }
}

void RopeTable::cos_sin(std::int32_t position, float* cos, float* sin) const noexcept {
  const std::size_t half = inverse_.size();
  if (position < 0 || static_cast<std::size_t>(position) >= kSteps * kSteps) {
    for (std::size_t i = 0; i < half; ++i) {
      cos[i] = static_cast<float>(std::cos(position * inverse_[i]));
      sin[i] = static_cast<float>(std::sin(position * inverse_[i]));
    }
    return;
  }
  const auto p = static_cast<std::size_t>(position);
  const double *lc = steps_.data() + p % kSteps * half * 2, *ls = lc + half;
  const double *hc = steps_.data() + (kSteps + p / kSteps) * half * 2, *hs = hc + half;
  for (std::size_t i = 0; i < half; ++i) {
    cos[i] = static_cast<float>(hc[i] * lc[i] - hs[i] * ls[i]);
    sin[i] = static_cast<float>(hs[i] * lc[i] + hc[i] * ls[i]);
  }
}

void rope(Exec& ex, View2<float> x, std::size_t head_dim, std::span<const std::int32_t> positions,
          const RopeTable& table) noexcept {
  const std::size_t half = table.dims() / 2, heads = x.cols / head_dim;
  Workspace::Scope scope{*ex.workspace};
  const std::span<float> cos_sin = ex.workspace->take<float>(x.rows * half * 2);
  ex.pool->for_range(x.rows, 8, [&](std::size_t begin, std::size_t end) {
    for (std::size_t t = begin; t < end; ++t) {
      float *cos = cos_sin.data() + t * half * 2, *sin = cos + half;
      table.cos_sin(positions[t], cos, sin);
      for (std::size_t head = 0; head < heads; ++head) {
        float* at = x.row(t) + head * head_dim;
        if (table.pairs() == RopePairs::adjacent)
          HWY_DYNAMIC_DISPATCH(RotateAdjacent)(at, cos, sin, half);
        else
          HWY_DYNAMIC_DISPATCH(RotateHalves)(at, at + half, cos, sin, half);
      }
    }
  });
}

}  // namespace zenith::kernels
#endif
