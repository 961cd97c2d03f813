#include "packed.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "blocks.hpp"
#include "zenith/kernels/dequantize.hpp"

namespace zenith::kernels {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

void put_scale(unsigned char* at, bool f32, std::size_t lane, float value) noexcept {
  if (f32) {
    std::memcpy(at + lane * 4, &value, 4);
  } else {
    const std::uint16_t bits = f32_to_f16(value);   // exact: it was read from f16
    std::memcpy(at + lane * 2, &bits, 2);
  }
}

float get_scale(const unsigned char* at, bool f32, std::size_t lane) noexcept {
  if (f32) {
    float value;
    std::memcpy(&value, at + lane * 4, 4);
    return value;
  }
  std::uint16_t bits;
  std::memcpy(&bits, at + lane * 2, 2);
  return f16_to_f32(bits);
}

/// Where input `i` of lane `lane` lies among a block's values: a byte and the shift of a nibble in it.
struct Place {
  std::size_t byte;
  int shift;
};
constexpr Place place(bool nibble, std::size_t lanes, std::size_t lane, std::size_t i) noexcept {
  const std::size_t pair = i / 2, word = lane * 2 + i % 2;
  if (nibble) return {pair / 4 * lanes * 4 + word * 2 + pair % 4 / 2, static_cast<int>(pair % 2 * 4)};
  return {pair / 2 * lanes * 4 + word * 2 + pair % 2, 0};
}

}  // namespace

AlignedBytes::AlignedBytes(std::size_t size) : size_(size) {
  const std::size_t align = size >= kHugePage ? kHugePage : 64;
  data_.reset(static_cast<unsigned char*>(std::aligned_alloc(align, (size + align - 1) / align * align)));
  if (!data_) throw std::bad_alloc{};
  if (align == kHugePage) (void)madvise(data_.get(), size, MADV_HUGEPAGE);   // advice: slower without, not wrong
}

void AlignedBytes::Free::operator()(unsigned char* p) const noexcept { std::free(p); }

std::optional<PackKind> pack_kind(DType type) noexcept {
  switch (type) {
    case DType::q4_0: return PackKind::nibble_offset;
    case DType::q4_1: return PackKind::nibble_min;
    case DType::q4_k: return PackKind::nibble_min_f32;
    case DType::q5_0:
    case DType::q8_0: return PackKind::byte;
    case DType::q5_1: return PackKind::byte_min;
    case DType::q5_k: return PackKind::byte_min_f32;
    case DType::q6_k: return PackKind::byte_halves_f32;
    case DType::f32:
    case DType::f16:
    case DType::bf16:
    case DType::i8:
    case DType::i16:
    case DType::i32:
    case DType::i64: break;
  }
  return std::nullopt;
}

PackedWeights pack(DType type, std::span<const std::byte> rows, std::size_t n_out, std::size_t n_in, std::size_t lanes) {
  PackedWeights out{*pack_kind(type), lanes, n_out, n_in, {}};
  const PackFormat f = pack_format(out.kind);
  const std::size_t blocks = n_in / kBlock, groups = (n_out + lanes - 1) / lanes, block_bytes = out.block_bytes();
  const std::size_t row_size = row_bytes(type, n_in), scale_bytes = lanes * (f.f32_scales ? 4 : 2);
  const int offset = out.kind == PackKind::nibble_offset ? kNibbleOffset : 0;
  out.bytes = AlignedBytes{groups * blocks * block_bytes};
  for (std::size_t g = 0; g < groups; ++g) {
    for (std::size_t b = 0; b < blocks; ++b) {
      unsigned char* at = out.bytes.data() + (g * blocks + b) * block_bytes;
      std::memset(at, 0, block_bytes);
      unsigned char* values = at + scale_bytes * (1U + f.min + f.halves);
      for (std::size_t lane = 0; lane < std::min(lanes, n_out - g * lanes); ++lane) {
        Block32 block;
        decode_block(type, rows.data() + (g * lanes + lane) * row_size, b, block);
        put_scale(at, f.f32_scales, lane, block.d[0]);
        if (f.halves) put_scale(at + scale_bytes, f.f32_scales, lane, block.d[1]);
        if (f.min) put_scale(at + scale_bytes, f.f32_scales, lane, block.m);
        for (std::size_t i = 0; i < kBlock; ++i) {
          const Place p = place(f.nibble, lanes, lane, i);
          values[p.byte] = static_cast<unsigned char>(values[p.byte] | static_cast<std::uint8_t>(block.q[i] + offset) << p.shift);
        }
      }
    }
  }
  return out;
}

void unpack_row(const PackedWeights& weights, std::size_t o, std::span<float> out) noexcept {
  const PackFormat f = pack_format(weights.kind);
  const std::size_t lane = o % weights.lanes, scale_bytes = weights.lanes * (f.f32_scales ? 4 : 2);
  const int offset = weights.kind == PackKind::nibble_offset ? kNibbleOffset : 0;
  const unsigned char* at = weights.bytes.data() + o / weights.lanes * weights.group_bytes();
  for (std::size_t b = 0; b < weights.n_in / kBlock; ++b, at += weights.block_bytes()) {
    const unsigned char* values = at + scale_bytes * (1U + f.min + f.halves);
    Block32 block;
    block.d[0] = get_scale(at, f.f32_scales, lane);
    block.d[1] = f.halves ? get_scale(at + scale_bytes, f.f32_scales, lane) : block.d[0];
    block.m = f.min ? get_scale(at + scale_bytes, f.f32_scales, lane) : 0.0F;
    for (std::size_t i = 0; i < kBlock; ++i) {
      const Place p = place(f.nibble, weights.lanes, lane, i);
      const int bits = f.nibble ? (values[p.byte] >> p.shift & 15) - offset : static_cast<std::int8_t>(values[p.byte]);
      block.q[i] = static_cast<std::int8_t>(bits);
    }
    block_floats(block, out.data() + b * kBlock);
  }
}

}  // namespace zenith::kernels
