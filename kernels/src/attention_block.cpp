#include "attention_block.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "attention_block.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <limits>

#include "half-inl.hpp"
#include "math-inl.hpp"
#include "zenith/kernels/attention.hpp"
#include "zenith/kernels/dequantize.hpp"

HWY_BEFORE_NAMESPACE();
namespace zenith::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kHeadPad>;
using V = hn::Vec<D>;

/// scores[h, j] = q[h] . k[j] for H heads and K keys from `k` on.
template <std::size_t H, std::size_t K>
HWY_INLINE void Scores(const AttentionBlock& b, const float* q, const float* k, float* scores) {
  const D d;
  V acc[H][K];
  HWY_UNROLL(4)
  for (std::size_t h = 0; h < H; ++h)
    for (std::size_t j = 0; j < K; ++j) acc[h][j] = hn::Zero(d);
  for (std::size_t c = 0; c < b.width; c += hn::Lanes(d)) {
    V key[K];
    for (std::size_t j = 0; j < K; ++j) key[j] = hn::LoadU(d, k + j * b.k_stride + c);
    HWY_UNROLL(4)
    for (std::size_t h = 0; h < H; ++h) {
      const V query = hn::LoadU(d, q + h * b.width + c);
      for (std::size_t j = 0; j < K; ++j) acc[h][j] = hn::MulAdd(query, key[j], acc[h][j]);
    }
  }
  for (std::size_t h = 0; h < H; ++h)
    for (std::size_t j = 0; j < K; ++j) scores[h * kPageTokens + j] = hn::GetLane(hn::SumOfLanes(d, acc[h][j]));
}

/// Scores to weights e^(s - most); entries past b.keys become 0.
HWY_INLINE void Softmax(const AttentionBlock& b, float* scores, float& most, float& sum) {
  const D d;
  const V scale = hn::Set(d, b.scale), cap = hn::Set(d, b.softcap);
  for (std::size_t j = b.keys; j < kPageTokens; ++j) scores[j] = 0;
  V top = hn::Set(d, -std::numeric_limits<float>::infinity());
  for (std::size_t j = 0; j < kPageTokens; j += hn::Lanes(d)) {
    V s = hn::Mul(hn::Load(d, scores + j), scale);
    if (b.softcap != 0.0F) s = hn::Mul(cap, TanhOrNan(d, hn::Div(s, cap)));
    hn::Store(s, d, scores + j);
  }
  for (std::size_t j = b.keys; j < kPageTokens; ++j) scores[j] = -std::numeric_limits<float>::infinity();
  for (std::size_t j = 0; j < kPageTokens; j += hn::Lanes(d)) top = hn::Max(top, hn::Load(d, scores + j));
  top = hn::MaxOfLanes(d, top);
  V total = hn::Zero(d);
  for (std::size_t j = 0; j < kPageTokens; j += hn::Lanes(d)) {
    const V p = ExpOrNan(d, hn::Sub(hn::Load(d, scores + j), top));
    total = hn::Add(total, p);
    hn::Store(p, d, scores + j);
  }
  most = hn::GetLane(top);
  sum = hn::GetLane(hn::SumOfLanes(d, total));
}

/// out[h, c..] = sum over j of weights[h, j] v[j, c..], for H heads and N vectors of columns.
template <std::size_t H, std::size_t N>
HWY_INLINE void Weigh(const AttentionBlock& b, const float* weights, std::size_t c, float* out) {
  const D d;
  const std::size_t lanes = hn::Lanes(d);
  V acc[H][N];
  HWY_UNROLL(4)
  for (std::size_t h = 0; h < H; ++h)
    for (std::size_t n = 0; n < N; ++n) acc[h][n] = hn::Zero(d);
  const float* v = b.v + c;
  for (std::size_t j = 0; j < b.keys; ++j, v += b.v_stride) {
    V value[N];
    for (std::size_t n = 0; n < N; ++n) value[n] = hn::LoadU(d, v + n * lanes);
    HWY_UNROLL(4)
    for (std::size_t h = 0; h < H; ++h) {
      const V p = hn::Set(d, weights[h * kPageTokens + j]);
      for (std::size_t n = 0; n < N; ++n) acc[h][n] = hn::MulAdd(p, value[n], acc[h][n]);
    }
  }
  for (std::size_t h = 0; h < H; ++h)
    for (std::size_t n = 0; n < N; ++n) hn::StoreU(acc[h][n], d, out + h * b.width + c + n * lanes);
}

template <std::size_t H>
void Heads(const AttentionBlock& b, std::size_t first, const SoftmaxPart& out) {
  HWY_ALIGN float scores[H * kPageTokens];
  const float* q = b.q + first * b.width;
  std::size_t j = 0;
  for (; j + 2 <= b.keys; j += 2) Scores<H, 2>(b, q, b.k + j * b.k_stride, scores + j);
  if (j < b.keys) Scores<H, 1>(b, q, b.k + j * b.k_stride, scores + j);
  for (std::size_t h = 0; h < H; ++h) Softmax(b, scores + h * kPageTokens, out.most[first + h], out.sum[first + h]);
  float* weighted = out.weighted + first * b.width;
  const std::size_t lanes = hn::Lanes(D{});
  std::size_t c = 0;
  for (; c + 2 * lanes <= b.width; c += 2 * lanes) Weigh<H, 2>(b, scores, c, weighted);
  for (; c < b.width; c += lanes) Weigh<H, 1>(b, scores, c, weighted);
}

void Block(const AttentionBlock& b, const SoftmaxPart& out) {
  for (std::size_t h = 0; h < b.heads; h += 4) {
    switch (b.heads - h) {
      case 1: Heads<1>(b, h, out); break;
      case 2: Heads<2>(b, h, out); break;
      case 3: Heads<3>(b, h, out); break;
      default: Heads<4>(b, h, out); break;
    }
  }
}

void Merge(const SoftmaxPart& into, const SoftmaxPart& part, std::size_t heads, std::size_t width) {
  const D d;
  for (std::size_t h = 0; h < heads; ++h) {
    const V old_most = hn::Set(d, into.most[h]), new_most = hn::Set(d, part.most[h]), top = hn::Max(old_most, new_most);
    const V a = ExpOrNan(d, hn::Sub(old_most, top)), b = ExpOrNan(d, hn::Sub(new_most, top));
    const V sum = hn::MulAdd(hn::Set(d, part.sum[h]), b, hn::Mul(hn::Set(d, into.sum[h]), a));
    into.most[h] = hn::GetLane(top);
    into.sum[h] = hn::GetLane(sum);
    float* to = into.weighted + h * width;
    const float* from = part.weighted + h * width;
    for (std::size_t c = 0; c < width; c += hn::Lanes(d))
      hn::StoreU(hn::MulAdd(hn::LoadU(d, from + c), b, hn::Mul(hn::LoadU(d, to + c), a)), d, to + c);
  }
}

void StoreHalf(const float* from, std::uint16_t* to, std::size_t n) {
  std::size_t i = 0;
#if HWY_TARGET <= HWY_AVX2
  const D d;
  const hn::Rebind<hwy::float16_t, D> dh;
  for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d))
    hn::StoreU(hn::DemoteTo(dh, hn::LoadU(d, from + i)), dh, reinterpret_cast<hwy::float16_t*>(to + i));
#endif
  for (; i < n; ++i) to[i] = f32_to_f16(from[i]);
}

}  // namespace zenith::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace zenith::kernels {

HWY_EXPORT(Block);
HWY_EXPORT(Merge);
HWY_EXPORT(StoreHalf);

void attention_block(const AttentionBlock& block, const SoftmaxPart& out) noexcept {
  HWY_DYNAMIC_DISPATCH(Block)(block, out);
}

void merge_parts(const SoftmaxPart& into, const SoftmaxPart& part, std::size_t heads, std::size_t width) noexcept {
  HWY_DYNAMIC_DISPATCH(Merge)(into, part, heads, width);
}

void store_half(const float* from, std::uint16_t* to, std::size_t n) noexcept {
  HWY_DYNAMIC_DISPATCH(StoreHalf)(from, to, n);
}

}  // namespace zenith::kernels
#endif
