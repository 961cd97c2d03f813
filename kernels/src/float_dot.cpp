#include "float_dot.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "float_dot.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "half-inl.hpp"
#include "zenith/kernels/dequantize.hpp"

HWY_BEFORE_NAMESPACE();
namespace zenith::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <std::size_t R, std::size_t C>
HWY_INLINE void Tile(const FloatTile& t) {
  const hn::ScalableTag<float> d;
  const std::size_t lanes = hn::Lanes(d), n = t.n;
  // Named by constant indices only, so that they stay in registers.
  decltype(hn::Zero(d)) acc[R][C];
  HWY_UNROLL(4)
  for (std::size_t r = 0; r < R; ++r) {
    HWY_UNROLL(4)
    for (std::size_t c = 0; c < C; ++c) acc[r][c] = hn::Zero(d);
  }
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    decltype(hn::Zero(d)) w[C];
    HWY_UNROLL(4)
    for (std::size_t c = 0; c < C; ++c) w[c] = hn::LoadU(d, t.w[c] + i);
    HWY_UNROLL(4)
    for (std::size_t r = 0; r < R; ++r) {
      const auto x = hn::LoadU(d, t.x + r * t.x_stride + i);
      HWY_UNROLL(4)
      for (std::size_t c = 0; c < C; ++c) acc[r][c] = hn::MulAdd(x, w[c], acc[r][c]);
    }
  }
  if (i < n) {
    HWY_ALIGN float x_tail[hn::MaxLanes(d)] = {}, w_tail[hn::MaxLanes(d)] = {};
    for (std::size_t c = 0; c < C; ++c) {
      for (std::size_t k = i; k < n; ++k) w_tail[k - i] = t.w[c][k];
      for (std::size_t r = 0; r < R; ++r) {
        for (std::size_t k = i; k < n; ++k) x_tail[k - i] = t.x[r * t.x_stride + k];
        acc[r][c] = hn::MulAdd(hn::Load(d, x_tail), hn::Load(d, w_tail), acc[r][c]);
      }
    }
  }
  for (std::size_t r = 0; r < R; ++r)
    for (std::size_t c = 0; c < C; ++c) t.y[r * 4 + c] = hn::GetLane(hn::SumOfLanes(d, acc[r][c]));
}

/// 4 x 2 tiles hold eight sums in the sixteen registers of AVX2; single rows (decode) take four outputs at once.
void RunTile(const FloatTile& t) {
  if (t.rows == 1 && t.cols == 4) return Tile<1, 4>(t);
  for (std::size_t c = 0; c < t.cols;) {
    const std::size_t cols = t.cols - c >= 2 ? 2 : 1;
    for (std::size_t r = 0; r < t.rows;) {
      const std::size_t rows = t.rows - r >= 4 ? 4 : 1;
      const FloatTile part{t.x + r * t.x_stride, t.x_stride, t.w + c, rows, cols, t.n, t.y + r * 4 + c};
      if (rows == 4) {
        cols == 2 ? Tile<4, 2>(part) : Tile<4, 1>(part);
      } else {
        cols == 2 ? Tile<1, 2>(part) : Tile<1, 1>(part);
      }
      r += rows;
    }
    c += cols;
  }
}

void F16Row(const std::uint16_t* from, float* to, std::size_t n) {
  const hn::ScalableTag<float> d;
  std::size_t i = 0;
  for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d)) hn::StoreU(LoadHalf(d, from + i), d, to + i);
  for (; i < n; ++i) to[i] = f16_to_f32(from[i]);
}

void Bf16Row(const std::uint16_t* from, float* to, std::size_t n) {
  const hn::ScalableTag<float> d;
  const hn::RebindToUnsigned<decltype(d)> du;
  const hn::Rebind<std::uint16_t, decltype(d)> dh;
  std::size_t i = 0;
  for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d))
    hn::StoreU(hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(du, hn::LoadU(dh, from + i)))), d, to + i);
  for (; i < n; ++i) to[i] = bf16_to_f32(from[i]);
}

}  // namespace zenith::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace zenith::kernels {

HWY_EXPORT(RunTile);
HWY_EXPORT(F16Row);
HWY_EXPORT(Bf16Row);

void float_tile(const FloatTile& tile) noexcept { HWY_DYNAMIC_DISPATCH(RunTile)(tile); }

void f16_row(const std::byte* from, float* to, std::size_t n) noexcept {
  HWY_DYNAMIC_DISPATCH(F16Row)(reinterpret_cast<const std::uint16_t*>(from), to, n);
}

void bf16_row(const std::byte* from, float* to, std::size_t n) noexcept {
  HWY_DYNAMIC_DISPATCH(Bf16Row)(reinterpret_cast<const std::uint16_t*>(from), to, n);
}

}  // namespace zenith::kernels
#endif
