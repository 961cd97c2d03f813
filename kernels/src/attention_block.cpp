#include "attention_block.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "attention_block.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
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

template <class D2>
HWY_INLINE hn::Vec<D2> LoadElements(D2 d, const float* p) {
  return hn::LoadU(d, p);
}
template <class D2>
HWY_INLINE hn::Vec<D2> LoadElements(D2 d, const std::uint16_t* p) {
  return LoadHalf(d, p);
}

/// scores[h, j] = sum over c, in order, of q[h, c] k[c, j], for H heads and N vectors of keys.
template <std::size_t H, std::size_t N, class T>
HWY_INLINE void Scores(const AttentionBlock& b, const float* q, const T* k, float* scores) {
  const D d;
  V acc[H][N];
  HWY_UNROLL(4)
  for (std::size_t h = 0; h < H; ++h) {
    HWY_UNROLL(4)
    for (std::size_t n = 0; n < N; ++n) acc[h][n] = hn::Zero(d);
  }
  for (std::size_t c = 0; c < b.head_dim; ++c, k += kPageTokens) {
    V query[H];
    HWY_UNROLL(4)
    for (std::size_t h = 0; h < H; ++h) query[h] = hn::Set(d, q[h * b.head_dim + c]);
    HWY_UNROLL(4)
    for (std::size_t n = 0; n < N; ++n) {
      const V key = LoadElements(d, k + n * hn::Lanes(d));
      HWY_UNROLL(4)
      for (std::size_t h = 0; h < H; ++h) acc[h][n] = hn::MulAdd(query[h], key, acc[h][n]);
    }
  }
  HWY_UNROLL(4)
  for (std::size_t h = 0; h < H; ++h) {
    HWY_UNROLL(4)
    for (std::size_t n = 0; n < N; ++n) hn::Store(acc[h][n], d, scores + h * kPageTokens + n * hn::Lanes(d));
  }
}

/// Scores of keys [from, to) to weights e^(s - most), where [from, to) are whole vectors around the block's keys; the
/// entries that are not among its keys become 0, whatever lies there.
HWY_INLINE void Softmax(const AttentionBlock& b, std::size_t from, std::size_t to, float* scores, float& most,
                        float& sum) {
  const D d;
  const V scale = hn::Set(d, b.scale), cap = hn::Set(d, b.softcap);
  for (std::size_t j = from; j < to; j += hn::Lanes(d)) {
    V s = hn::Mul(hn::Load(d, scores + j), scale);
    if (b.softcap != 0.0F) s = hn::Mul(cap, TanhOrNan(d, hn::Div(s, cap)));
    hn::Store(s, d, scores + j);
  }
  std::fill(scores + from, scores + b.first, -std::numeric_limits<float>::infinity());
  std::fill(scores + b.last, scores + to, -std::numeric_limits<float>::infinity());
  V top = hn::Set(d, -std::numeric_limits<float>::infinity());
  for (std::size_t j = from; j < to; j += hn::Lanes(d)) top = hn::Max(top, hn::Load(d, scores + j));
  top = hn::MaxOfLanes(d, top);
  V total = hn::Zero(d);
  for (std::size_t j = from; j < to; j += hn::Lanes(d)) {
    const V p = ExpOrNan(d, hn::Sub(hn::Load(d, scores + j), top));
    total = hn::Add(total, p);
    hn::Store(p, d, scores + j);
  }
  most = hn::GetLane(top);
  sum = hn::GetLane(hn::SumOfLanes(d, total));
}

/// out[h, c..] = sum over the block's keys j, in order, of weights[h, j] v[j, c..], for H heads and N vectors of
/// columns.
template <std::size_t H, std::size_t N, class D2, class T>
HWY_INLINE void Weigh(const AttentionBlock& b, D2 d, const float* weights, const T* v, float* out, std::size_t width) {
  const std::size_t lanes = hn::Lanes(d);
  hn::Vec<D2> acc[H][N];
  HWY_UNROLL(4)
  for (std::size_t h = 0; h < H; ++h) {
    HWY_UNROLL(4)
    for (std::size_t n = 0; n < N; ++n) acc[h][n] = hn::Zero(d);
  }
  v += b.first * b.v_stride;
  for (std::size_t j = b.first; j < b.last; ++j, v += b.v_stride) {
    hn::Vec<D2> p[H];
    HWY_UNROLL(4)
    for (std::size_t h = 0; h < H; ++h) p[h] = hn::Set(d, weights[h * kPageTokens + j]);
    HWY_UNROLL(4)
    for (std::size_t n = 0; n < N; ++n) {
      const auto value = LoadElements(d, v + n * lanes);
      HWY_UNROLL(4)
      for (std::size_t h = 0; h < H; ++h) acc[h][n] = hn::MulAdd(p[h], value, acc[h][n]);
    }
  }
  HWY_UNROLL(4)
  for (std::size_t h = 0; h < H; ++h) {
    HWY_UNROLL(4)
    for (std::size_t n = 0; n < N; ++n) hn::StoreU(acc[h][n], d, out + h * width + n * lanes);
  }
}

template <std::size_t H, class T>
void Heads(const AttentionBlock& b, std::size_t first, const SoftmaxPart& out) {
  constexpr std::size_t kVectors = H == 4 ? 2 : 4;  // beside H broadcasts they fill the sixteen registers of AVX2
  const D d;
  const std::size_t lanes = hn::Lanes(d), width = padded(b.head_dim);
  HWY_ALIGN float scores[H * kPageTokens];
  const float* q = b.q + first * b.head_dim;
  const T *k = reinterpret_cast<const T*>(b.k), *v = reinterpret_cast<const T*>(b.v);
  const std::size_t from = b.first / lanes * lanes, to = (b.last + lanes - 1) / lanes * lanes;
  std::size_t j = from;
  for (; j + kVectors * lanes <= to; j += kVectors * lanes) Scores<H, kVectors>(b, q, k + j, scores + j);
  for (; j < to; j += lanes) Scores<H, 1>(b, q, k + j, scores + j);
  for (std::size_t h = 0; h < H; ++h)
    Softmax(b, from, to, scores + h * kPageTokens, out.most[first + h], out.sum[first + h]);
  float* weighted = out.weighted + first * width;
  std::size_t c = 0;
  for (; c + kVectors * lanes <= b.head_dim; c += kVectors * lanes)
    Weigh<H, kVectors>(b, d, scores, v + c, weighted + c, width);
  for (; c + lanes <= b.head_dim; c += lanes) Weigh<H, 1>(b, d, scores, v + c, weighted + c, width);
  for (; c < b.head_dim; ++c) Weigh<H, 1>(b, hn::CappedTag<float, 1>{}, scores, v + c, weighted + c, width);
  for (; c < width; ++c)
    for (std::size_t h = 0; h < H; ++h) weighted[h * width + c] = 0;
}

template <std::size_t H>
void HeadsOf(const AttentionBlock& b, std::size_t first, const SoftmaxPart& out) {
  b.half ? Heads<H, std::uint16_t>(b, first, out) : Heads<H, float>(b, first, out);
}

void Block(const AttentionBlock& b, const SoftmaxPart& out) {
  for (std::size_t h = 0; h < b.heads; h += 4) {
    switch (b.heads - h) {
      case 1: HeadsOf<1>(b, h, out); break;
      case 2: HeadsOf<2>(b, h, out); break;
      case 3: HeadsOf<3>(b, h, out); break;
      default: HeadsOf<4>(b, h, out); break;
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
