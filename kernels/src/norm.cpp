#include "zenith/kernels/norm.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "norm.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>

#include "zenith/kernels/thread_pool.hpp"

HWY_BEFORE_NAMESPACE();
namespace zenith::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Sum of (x - shift)^power, power 1 or 2, in f32: four vectors of sums, then the tail one by one.
template <int kPower>
HWY_INLINE float Moment(const float* x, std::size_t n, float shift) {
  const hn::ScalableTag<float> d;
  const std::size_t lanes = hn::Lanes(d);
  const auto by = hn::Set(d, shift);
  auto s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0;
  const auto step = [&](auto sum, const float* at) HWY_ATTR {
    const auto v = hn::Sub(hn::LoadU(d, at), by);
    return kPower == 1 ? hn::Add(sum, v) : hn::MulAdd(v, v, sum);
  };
  std::size_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    s0 = step(s0, x + i);
    s1 = step(s1, x + i + lanes);
    s2 = step(s2, x + i + 2 * lanes);
    s3 = step(s3, x + i + 3 * lanes);
  }
  for (; i + lanes <= n; i += lanes) s0 = step(s0, x + i);
  float sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(s0, s1), hn::Add(s2, s3))));
  for (; i < n; ++i) sum += kPower == 1 ? x[i] - shift : (x[i] - shift) * (x[i] - shift);
  return sum;
}

void RmsNormRow(const float* x, const float* w, std::size_t n, float eps, float* y) {
  const hn::ScalableTag<float> d;
  const double mean = double{Moment<2>(x, n, 0.0F)} / static_cast<double>(n);
  const auto inverse = static_cast<float>(1.0 / std::sqrt(mean + double{eps}));
  const auto factor = hn::Set(d, inverse);
  std::size_t i = 0;
  for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d))
    hn::StoreU(hn::Mul(hn::Mul(hn::LoadU(d, x + i), factor), hn::LoadU(d, w + i)), d, y + i);
  for (; i < n; ++i) y[i] = x[i] * inverse * w[i];
}

void LayerNormRow(const float* x, const float* w, const float* b, std::size_t n, float eps, float* y) {
  const hn::ScalableTag<float> d;
  const float rough = Moment<1>(x, n, 0.0F) / static_cast<float>(n);
  const float mean = rough + Moment<1>(x, n, rough) / static_cast<float>(n);  // second pass: what the first sum lost
  const double variance = double{Moment<2>(x, n, mean)} / static_cast<double>(n);
  const auto inverse = static_cast<float>(1.0 / std::sqrt(variance + double{eps}));
  const auto shift = hn::Set(d, mean), factor = hn::Set(d, inverse);
  std::size_t i = 0;
  for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d)) {
    const auto v = hn::Mul(hn::Sub(hn::LoadU(d, x + i), shift), factor);
    hn::StoreU(hn::Add(hn::Mul(v, hn::LoadU(d, w + i)), hn::LoadU(d, b + i)), d, y + i);
  }
  for (; i < n; ++i) y[i] = (x[i] - mean) * inverse * w[i] + b[i];
}

}  // namespace zenith::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace zenith::kernels {

HWY_EXPORT(RmsNormRow);
HWY_EXPORT(LayerNormRow);

namespace {
constexpr std::size_t kRowsForAThread = 8;  // a row of a norm takes less than a microsecond
}

void rms_norm(Exec& ex, View2<const float> x, View1<const float> w, float eps, View2<float> y) noexcept {
  ex.pool->for_range(x.rows, kRowsForAThread, [&](std::size_t begin, std::size_t end) {
    for (std::size_t t = begin; t < end; ++t)
      HWY_DYNAMIC_DISPATCH(RmsNormRow)(x.row(t), w.data(), x.cols, eps, y.row(t));
  });
}

void layer_norm(Exec& ex, View2<const float> x, View1<const float> w, View1<const float> b, float eps,
                View2<float> y) noexcept {
  ex.pool->for_range(x.rows, kRowsForAThread, [&](std::size_t begin, std::size_t end) {
    for (std::size_t t = begin; t < end; ++t)
      HWY_DYNAMIC_DISPATCH(LayerNormRow)(x.row(t), w.data(), b.data(), x.cols, eps, y.row(t));
  });
}

}  // namespace zenith::kernels
#endif
