// The integer dot product on any Highway target: the layout of int_dot.hpp with 8 lanes, as two vectors of 128 bits.
#include "int_dot.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "int_dot_generic.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cstring>

#include "half-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace zenith::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr std::size_t kLanes = 8, kParts128 = 2;  // eight outputs to a group, four to a vector
using DF = hn::FixedTag<float, 4>;
using DI = hn::FixedTag<std::int32_t, 4>;
using DH = hn::FixedTag<std::int16_t, 8>;
using DU = hn::FixedTag<std::uint16_t, 8>;
using VF = hn::Vec<DF>;
using VI = hn::Vec<DI>;
using VH = hn::Vec<DH>;

template <PackKind kKind>
struct Generic {
  static constexpr PackFormat kFormat = pack_format(kKind);
  static constexpr std::size_t kScaleBytes = kLanes * (kFormat.f32_scales ? 4 : 2);

  static HWY_INLINE VF Scales(const unsigned char* p, std::size_t half) {
    if constexpr (kFormat.f32_scales) return hn::LoadU(DF{}, reinterpret_cast<const float*>(p) + half * 4);
    return LoadHalf(DF{}, reinterpret_cast<const std::uint16_t*>(p) + half * 4);
  }

  template <int kPart>
  static HWY_INLINE VH Values(VH raw) {
    if constexpr (kFormat.nibble)
      return hn::BitCast(DH{}, hn::And(hn::ShiftRight<kPart * 4>(hn::BitCast(DU{}, raw)), hn::Set(DU{}, 15)));
    else if constexpr (kPart == 0)
      return hn::ShiftRight<8>(hn::ShiftLeft<8>(raw));
    else
      return hn::ShiftRight<8>(raw);
  }

  static HWY_INLINE void MulAddPair(VH q, const std::int16_t* pair, VI& even, VI& odd) {
    std::int32_t both;
    std::memcpy(&both, pair, sizeof both);
    even = hn::ReorderWidenMulAccumulate(DI{}, q, hn::BitCast(DH{}, hn::Set(DI{}, both)), even, odd);
  }

  /// The sums of vectors [first, last) of a block's values for outputs [4 half, 4 half + 4).
  static HWY_INLINE VI Block(const unsigned char* values, std::size_t half, const std::int16_t* x, std::size_t first,
                             std::size_t last, VI even) {
    VI odd = hn::Zero(DI{});
    constexpr std::size_t kParts = kFormat.nibble ? 4 : 2;
    for (std::size_t v = first; v < last; ++v) {
      const VH raw = hn::LoadU(DH{}, reinterpret_cast<const std::int16_t*>(values + v * kLanes * 4) + half * 8);
      const std::int16_t* pair = x + v * kParts * 2;
      MulAddPair(Values<0>(raw), pair, even, odd);
      MulAddPair(Values<1>(raw), pair + 2, even, odd);
      if constexpr (kFormat.nibble) {
        MulAddPair(Values<2>(raw), pair + 4, even, odd);
        MulAddPair(Values<3>(raw), pair + 6, even, odd);
      }
    }
    return hn::RearrangeToOddPlusEven(even, odd);
  }

  static HWY_INLINE VF Sum(const IntDotCall& c, std::size_t row, const unsigned char* w, std::size_t half) {
    constexpr std::size_t kVectors = kFormat.nibble ? 4 : 8, kFirst = kFormat.halves ? kVectors / 2 : kVectors;
    const std::int16_t* x = c.x + row * c.blocks * 32;
    VF sum = hn::Zero(DF{});
    for (std::size_t b = 0; b < c.blocks; ++b, x += 32, w += pack_block_bytes(kKind, kLanes)) {
      const std::size_t at = row * c.blocks + b;
      const unsigned char* values = w + kScaleBytes * (1 + kFormat.min + kFormat.halves);
      const VF x_scale = hn::Set(DF{}, c.x_scale[at]);
      const VI start = hn::Set(DI{}, kKind == PackKind::nibble_offset ? -kNibbleOffset * c.x_isum[at] : 0);
      const VI dot = Block(values, half, x, 0, kFirst, start);
      sum = hn::MulAdd(hn::ConvertTo(DF{}, dot), hn::Mul(Scales(w, half), x_scale), sum);
      if constexpr (kFormat.halves) {
        const VI second = Block(values, half, x, kFirst, kVectors, hn::Zero(DI{}));
        sum = hn::MulAdd(hn::ConvertTo(DF{}, second), hn::Mul(Scales(w + kScaleBytes, half), x_scale), sum);
      }
      if constexpr (kFormat.min) sum = hn::MulAdd(Scales(w + kScaleBytes, half), hn::Set(DF{}, c.x_sum[at]), sum);
    }
    return sum;
  }

  static void Run(const IntDotCall& c) {
    const std::size_t group_bytes = c.blocks * pack_block_bytes(kKind, kLanes);
    for (std::size_t out = c.out_begin; out < c.out_end; out += kLanes) {
      const unsigned char* w = c.w + out / kLanes * group_bytes;
      for (std::size_t row = 0; row < c.rows; ++row) {
        HWY_ALIGN float lanes[kLanes];
        for (std::size_t half = 0; half < kParts128; ++half) hn::Store(Sum(c, row, w, half), DF{}, lanes + half * 4);
        float* y = c.y + row * c.y_stride + out;
        for (std::size_t i = 0; i < kLanes && out + i < c.out_end; ++i) {
          const float v = c.bias != nullptr ? lanes[i] + c.bias[out + i] : lanes[i];
          y[i] = c.add ? y[i] + v : v;
        }
      }
    }
  }
};

void RunGeneric(PackKind kind, const IntDotCall& c) {
  switch (kind) {
    case PackKind::nibble_offset: return Generic<PackKind::nibble_offset>::Run(c);
    case PackKind::nibble_min: return Generic<PackKind::nibble_min>::Run(c);
    case PackKind::nibble_min_f32: return Generic<PackKind::nibble_min_f32>::Run(c);
    case PackKind::byte: return Generic<PackKind::byte>::Run(c);
    case PackKind::byte_min: return Generic<PackKind::byte_min>::Run(c);
    case PackKind::byte_min_f32: return Generic<PackKind::byte_min_f32>::Run(c);
    case PackKind::byte_halves_f32: return Generic<PackKind::byte_halves_f32>::Run(c);
  }
}

}  // namespace zenith::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace zenith::kernels {

HWY_EXPORT(RunGeneric);

namespace {
template <PackKind kKind>
void run(const IntDotCall& call) {
  HWY_DYNAMIC_DISPATCH(RunGeneric)(kKind, call);
}
}  // namespace

constinit const IntDotTable kIntDotGeneric = {
    8,
    {run<PackKind::nibble_offset>, run<PackKind::nibble_min>, run<PackKind::nibble_min_f32>, run<PackKind::byte>,
     run<PackKind::byte_min>, run<PackKind::byte_min_f32>, run<PackKind::byte_halves_f32>}};

}  // namespace zenith::kernels
#endif
