#include "quantize.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "quantize.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "zenith/kernels/thread_pool.hpp"

HWY_BEFORE_NAMESPACE();
namespace zenith::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// One block of 32. Largest magnitude by bits, as integers, so that a NaN or an infinity wins.
void QuantizeBlock(const float* HWY_RESTRICT x, std::int16_t* HWY_RESTRICT q, float& scale, float& sum,
                   std::int32_t& isum) {
  const hn::CappedTag<float, 8> d;
  const hn::Rebind<std::int32_t, decltype(d)> di;
  const hn::Rebind<std::int16_t, decltype(d)> dq;
  const std::size_t lanes = hn::Lanes(d);
  const auto magnitude = hn::Set(di, 0x7FFFFFFF);
  auto most = hn::Zero(di);
  for (std::size_t i = 0; i < 32; i += lanes)
    most = hn::Max(most, hn::And(hn::BitCast(di, hn::LoadU(d, x + i)), magnitude));
  const float amax = hn::GetLane(hn::BitCast(d, hn::MaxOfLanes(di, most)));
  if (!(amax >= 1e-30F) || !(amax <= 3.4028234e38F)) {  // zeros (or too small to divide by), infinity, NaN
    for (std::size_t i = 0; i < 32; i += lanes) hn::StoreU(hn::Zero(dq), dq, q + i);
    scale = sum = amax < 1e-30F ? 0.0F : __builtin_nanf("");
    isum = 0;
    return;
  }
  const float to_integer = 32767.0F / amax;
  const auto factor = hn::Set(d, to_integer);
  auto total = hn::Zero(di);
  for (std::size_t i = 0; i < 32; i += lanes) {
    const auto v = hn::NearestInt(hn::Mul(hn::LoadU(d, x + i), factor));
    total = hn::Add(total, v);
    hn::StoreU(hn::DemoteTo(dq, v), dq, q + i);  // |v| <= 32768, saturated
  }
  scale = amax / 32767.0F;
  isum = hn::GetLane(hn::SumOfLanes(di, total));
  sum = scale * static_cast<float>(isum);
}

void QuantizeRange(const float* x, const QuantizedRows& out, std::size_t row) {
  for (std::size_t b = 0; b < out.blocks; ++b) {
    const std::size_t at = row * out.blocks + b;
    QuantizeBlock(x + b * 32, out.q + at * 32, out.scale[at], out.sum[at], out.isum[at]);
  }
}

}  // namespace zenith::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace zenith::kernels {

HWY_EXPORT(QuantizeRange);

const QuantizedRows* quantize_rows(Exec& ex, View2<const float> x) {
  Workspace& ws = *ex.workspace;
  const std::size_t blocks = x.cols / 32, all = x.rows * blocks;
  auto* out = ws.take<QuantizedRows>(1).data();
  *out = QuantizedRows{x.rows,
                       blocks,
                       ws.take<std::int16_t>(all * 32).data(),
                       ws.take<float>(all).data(),
                       ws.take<float>(all).data(),
                       ws.take<std::int32_t>(all).data()};
  ex.pool->for_range(x.rows, 4, [&](std::size_t begin, std::size_t end) {
    const auto quantize = HWY_DYNAMIC_DISPATCH(QuantizeRange);
    for (std::size_t t = begin; t < end; ++t) quantize(x.row(t), *out, t);
  });
  return out;
}

}  // namespace zenith::kernels
#endif
