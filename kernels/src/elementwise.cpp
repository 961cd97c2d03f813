#include "zenith/kernels/elementwise.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "elementwise.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "math-inl.hpp"
#include "zenith/kernels/thread_pool.hpp"

HWY_BEFORE_NAMESPACE();
namespace zenith::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// y[i] = f(a[i], b[i]). The last elements pass through a whole vector too, so that every element has the same
/// arithmetic.
template <class F>
HWY_INLINE void Map(const float* a, const float* b, float* y, std::size_t n, F f) {
  const hn::ScalableTag<float> d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(f(d, hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, y + i);
  if (i == n) return;
  HWY_ALIGN float tail_a[hn::MaxLanes(d)] = {}, tail_b[hn::MaxLanes(d)] = {};
  for (std::size_t k = i; k < n; ++k) {
    tail_a[k - i] = a[k];
    tail_b[k - i] = b[k];
  }
  hn::Store(f(d, hn::Load(d, tail_a), hn::Load(d, tail_b)), d, tail_a);
  for (std::size_t k = i; k < n; ++k) y[k] = tail_a[k - i];
}

struct AddOp {
  template <class D, class V>
  HWY_INLINE V operator()(D, V a, V b) const {
    return hn::Add(a, b);
  }
};

struct ScaleOp {
  float by;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V) const {
    return hn::Mul(a, hn::Set(d, by));
  }
};

struct SoftcapOp {
  float cap;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V) const {
    const V c = hn::Set(d, cap);
    return hn::Mul(c, TanhOrNan(d, hn::Div(a, c)));
  }
};

struct SiluMulOp {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V g, V up) const {
    const V one = hn::Set(d, 1.0F);
    return hn::Mul(hn::Div(g, hn::Add(one, ExpOrNan(d, hn::Neg(g)))), up);
  }
};

struct GeluTanhMulOp {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V g, V up) const {
    const V cube = hn::Mul(hn::Mul(g, g), g);
    const V inner = hn::Mul(hn::Set(d, 0.7978845608028654F), hn::MulAdd(hn::Set(d, 0.044715F), cube, g));
    // (1 + tanh z) / 2 = 1 / (1 + e^-2z): no cancellation for negative g
    const V gate = hn::Div(g, hn::Add(hn::Set(d, 1.0F), ExpOrNan(d, hn::Mul(hn::Set(d, -2.0F), inner))));
    return hn::Mul(gate, up);
  }
};

/// x times the normal distribution's Phi(x), by erfc(z) ~ (a1 t + ... + a5 t^5) e^(-z^2), t = 1 / (1 + p z), |error|
/// <= 1.5e-7. Source: Abramowitz and Stegun, 7.1.26.
struct GeluErfOp {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x, V) const {
    const V one = hn::Set(d, 1.0F), z = hn::Mul(hn::Abs(x), hn::Set(d, 0.7071067811865475F));
    const V t = hn::Div(one, hn::MulAdd(hn::Set(d, 0.3275911F), z, one));
    V poly = hn::Set(d, 1.061405429F);
    poly = hn::MulAdd(poly, t, hn::Set(d, -1.453152027F));
    poly = hn::MulAdd(poly, t, hn::Set(d, 1.421413741F));
    poly = hn::MulAdd(poly, t, hn::Set(d, -0.284496736F));
    poly = hn::MulAdd(poly, t, hn::Set(d, 0.254829592F));
    const V tail = hn::Mul(hn::Mul(hn::Set(d, 0.5F), hn::Mul(poly, t)), ExpOrNan(d, hn::Neg(hn::Mul(z, z))));
    return hn::Mul(x, hn::IfThenElse(hn::Lt(x, hn::Zero(d)), tail, hn::Sub(one, tail)));
  }
};

void AddRow(const float* a, const float* b, float* y, std::size_t n) { Map(a, b, y, n, AddOp{}); }
void ScaleRow(float* x, float by, std::size_t n) { Map(x, x, x, n, ScaleOp{by}); }
void SoftcapRow(float* x, float cap, std::size_t n) { Map(x, x, x, n, SoftcapOp{cap}); }
void SiluMulRow(const float* a, const float* b, float* y, std::size_t n) { Map(a, b, y, n, SiluMulOp{}); }
void GeluTanhMulRow(const float* a, const float* b, float* y, std::size_t n) { Map(a, b, y, n, GeluTanhMulOp{}); }
void GeluErfRow(float* x, std::size_t n) { Map(x, x, x, n, GeluErfOp{}); }

}  // namespace zenith::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace zenith::kernels {

HWY_EXPORT(AddRow);
HWY_EXPORT(ScaleRow);
HWY_EXPORT(SoftcapRow);
HWY_EXPORT(SiluMulRow);
HWY_EXPORT(GeluTanhMulRow);
HWY_EXPORT(GeluErfRow);

namespace {

/// body(row), in pieces that are worth a thread each: a short call stays on the caller.
template <class F>
void each_piece(Exec& ex, std::size_t rows, std::size_t cols, F body) noexcept {
  constexpr std::size_t kPiece = 4096;  // elements
  const std::size_t grain = std::max<std::size_t>(1, kPiece / std::max<std::size_t>(cols, 1));
  ex.pool->for_range(rows, grain, [&](std::size_t begin, std::size_t end) {
    for (std::size_t t = begin; t < end; ++t) body(t);
  });
}

}  // namespace

void add(Exec& ex, View2<const float> a, View2<const float> b, View2<float> y) noexcept {
  each_piece(ex, y.rows, y.cols,
             [&](std::size_t t) { HWY_DYNAMIC_DISPATCH(AddRow)(a.row(t), b.row(t), y.row(t), y.cols); });
}

void scale(Exec& ex, View2<float> x, float by) noexcept {
  each_piece(ex, x.rows, x.cols, [&](std::size_t t) { HWY_DYNAMIC_DISPATCH(ScaleRow)(x.row(t), by, x.cols); });
}

void softcap(Exec& ex, View2<float> x, float cap) noexcept {
  each_piece(ex, x.rows, x.cols, [&](std::size_t t) { HWY_DYNAMIC_DISPATCH(SoftcapRow)(x.row(t), cap, x.cols); });
}

void silu_mul(Exec& ex, View2<const float> gate, View2<const float> up, View2<float> y) noexcept {
  each_piece(ex, y.rows, y.cols,
             [&](std::size_t t) { HWY_DYNAMIC_DISPATCH(SiluMulRow)(gate.row(t), up.row(t), y.row(t), y.cols); });
}

void gelu_tanh_mul(Exec& ex, View2<const float> gate, View2<const float> up, View2<float> y) noexcept {
  each_piece(ex, y.rows, y.cols,
             [&](std::size_t t) { HWY_DYNAMIC_DISPATCH(GeluTanhMulRow)(gate.row(t), up.row(t), y.row(t), y.cols); });
}

void gelu_erf(Exec& ex, View2<float> x) noexcept {
  each_piece(ex, x.rows, x.cols, [&](std::size_t t) { HWY_DYNAMIC_DISPATCH(GeluErfRow)(x.row(t), x.cols); });
}

}  // namespace zenith::kernels
#endif
