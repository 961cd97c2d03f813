// Vector exponential and hyperbolic tangent that keep NaN and do not overflow into garbage (Highway's do neither).
#if defined(ZENITH_KERNELS_MATH_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef ZENITH_KERNELS_MATH_INL
#undef ZENITH_KERNELS_MATH_INL
#else
#define ZENITH_KERNELS_MATH_INL
#endif

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace zenith::kernels::HWY_NAMESPACE {

/// e^x; 0 below -104, infinity above 89.
template <class D, class V>
HWY_INLINE V ExpOrNan(D d, V x) {
  namespace hn = hwy::HWY_NAMESPACE;
  const V bounded = hn::Min(hn::Max(x, hn::Set(d, -105.0F)), hn::Set(d, 100.0F));
  return hn::IfThenElse(hn::IsNaN(x), x, hn::Exp(d, bounded));
}

template <class D, class V>
HWY_INLINE V TanhOrNan(D d, V x) {
  namespace hn = hwy::HWY_NAMESPACE;
  const V bounded = hn::Min(hn::Max(x, hn::Set(d, -20.0F)), hn::Set(d, 20.0F));
  return hn::IfThenElse(hn::IsNaN(x), x, hn::Tanh(d, bounded));
}

}  // namespace zenith::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
