// The integer dot product of packed weights with 16-bit activations: layouts and the table of its implementations.
// Included by files compiled for higher instruction sets, hence no header with inline functions here.
//
// Packed weights. `lanes` outputs form a group (the last one is padded with zeros); a group is the sequence of its
// blocks of 32 inputs:
//   scales   lanes x f16 or f32: d (for `halves`: of inputs 0-15, then of 16-31)
//   minima   lanes x f16 or f32: m, where the kind has them
//   values   vectors of lanes x 32 bits, lane j for output j, two 16-bit words e = 0, 1 each:
//            nibbles: vector L (0-3), bits 4s.. of word e: input 2 (4 L + s) + e;  bytes: vector L (0-7), byte h of
//            word e: input 2 (2 L + h) + e
// so that a 16-bit multiply-add of unpacked weights with a broadcast pair of inputs sums pairs into the output's own
// lane: sums never cross lanes, and an output's arithmetic is the same in every split.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace zenith::kernels {

/// w = d * (q - offset) + m.
enum class PackKind : uint8_t {
  nibble_offset,    ///< q 0-15, offset 8, f16 d: Q4_0
  nibble_min,       ///< q 0-15, f16 d, m: Q4_1
  nibble_min_f32,   ///< q 0-15, f32 d, m: Q4_K
  byte,             ///< q int8, f16 d: Q8_0, Q5_0
  byte_min,         ///< q int8, f16 d, m: Q5_1
  byte_min_f32,     ///< q int8, f32 d, m: Q5_K
  byte_halves_f32,  ///< q int8, f32 d for each 16 inputs: Q6_K
};
constexpr size_t kPackKinds = 7;
constexpr int kNibbleOffset = 8;

struct PackFormat {
  bool nibble, min, f32_scales, halves;
};

constexpr PackFormat pack_format(PackKind kind) noexcept {
  switch (kind) {
    case PackKind::nibble_offset: return {true, false, false, false};
    case PackKind::nibble_min: return {true, true, false, false};
    case PackKind::nibble_min_f32: return {true, true, true, false};
    case PackKind::byte: return {false, false, false, false};
    case PackKind::byte_min: return {false, true, false, false};
    case PackKind::byte_min_f32: return {false, true, true, false};
    case PackKind::byte_halves_f32: return {false, false, true, true};
  }
  return {};
}

/// Bytes of one block of 32 inputs of one group.
constexpr size_t pack_block_bytes(PackKind kind, size_t lanes) noexcept {
  const PackFormat f = pack_format(kind);
  return lanes * ((f.f32_scales ? 4U : 2U) * (1U + (f.min ? 1U : 0U) + (f.halves ? 1U : 0U)) + (f.nibble ? 16U : 32U));
}

struct IntDotCall {
  const int16_t* x;       ///< [rows, blocks * 32]
  const float* x_scale;   ///< [rows, blocks]
  const float* x_sum;     ///< [rows, blocks]: scale * (sum of the integers)
  const int32_t* x_isum;  ///< [rows, blocks]: sum of the integers
  size_t rows, blocks;
  const unsigned char* w;     ///< packed
  size_t out_begin, out_end;  ///< outputs; out_begin a multiple of the lanes
  float* y;                   ///< [rows, y_stride]
  size_t y_stride;
  const float* bias;  ///< or null
  bool add;           ///< y += instead of y =
};

/// For each row t and output o: acc = 0; for each block in order { acc = fma(isum, d * x_scale, acc); acc = fma(m,
/// x_sum, acc) }; y = [y +] (acc [+ bias]).
struct IntDotTable {
  size_t lanes;
  void (*run[kPackKinds])(const IntDotCall&);
};

extern const IntDotTable kIntDotGeneric, kIntDotAvx2, kIntDotAvxVnni, kIntDotAvx512Vnni;

}  // namespace zenith::kernels
