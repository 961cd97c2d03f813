// Half-precision loads and stores, a vector at a time, for Highway's current target. Exact also where there is no F16C.
#if defined(ZENITH_KERNELS_HALF_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef ZENITH_KERNELS_HALF_INL
#undef ZENITH_KERNELS_HALF_INL
#else
#define ZENITH_KERNELS_HALF_INL
#endif

#include <cstddef>
#include <cstdint>

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace zenith::kernels::HWY_NAMESPACE {

/// Lanes(d) halves at `p`, any alignment, as f32.
template <class D>
HWY_INLINE hwy::HWY_NAMESPACE::Vec<D> LoadHalf(D d, const std::uint16_t* p) {
  namespace hn = hwy::HWY_NAMESPACE;
#if HWY_TARGET <= HWY_AVX2
  const hn::Rebind<hwy::float16_t, D> dh;
  return hn::PromoteTo(d, hn::LoadU(dh, reinterpret_cast<const hwy::float16_t*>(p)));
#else
  const hn::Rebind<std::uint16_t, D> dh;
  const hn::RebindToUnsigned<D> du;
  const auto bits = hn::PromoteTo(du, hn::LoadU(dh, p));
  const auto rest = hn::And(bits, hn::Set(du, 0x7FFFU));
  const auto sign = hn::ShiftLeft<16>(hn::Xor(bits, rest));
  // The exponent is 112 too small: the product also makes subnormals right. Infinities and NaNs get the largest
  // exponent back.
  const auto scaled = hn::Mul(hn::BitCast(d, hn::ShiftLeft<13>(rest)), hn::Set(d, 0x1p112F));
  const auto special = hn::Gt(hn::BitCast(d, hn::ShiftLeft<13>(rest)), hn::BitCast(d, hn::Set(du, 0x0F7F'FFFFU)));
  const auto fixed =
      hn::Or(hn::BitCast(du, scaled), hn::IfThenElseZero(hn::RebindMask(du, special), hn::Set(du, 0x7F80'0000U)));
  return hn::BitCast(d, hn::Or(fixed, sign));
#endif
}

}  // namespace zenith::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
