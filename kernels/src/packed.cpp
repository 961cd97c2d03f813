#include "packed.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "blocks.hpp"
#include "zenith/kernels/dequantize.hpp"

namespace zenith::kernels {
namespace {

void put_scale(unsigned char* at, bool f32, std::size_t lane, float value) noexcept {
  if (f32) {
    std::memcpy(at + lane * 4, &value, 4);
  } else {
    const std::uint16_t bits = f32_to_f16(value);  // exact: it was read from f16
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

/// The 16-bit word of `values` that holds inputs 2 p + e of a lane, for the word's first pair p: see int_dot.hpp.
struct Words {
  std::size_t lanes, pairs;  ///< pairs in a word: 4 nibbles or 2 bytes
  std::size_t at(std::size_t lane, std::size_t vector, std::size_t e) const noexcept {
    return vector * lanes * 4 + (lane * 2 + e) * 2;
  }
  std::size_t vectors() const noexcept { return 16 / pairs; }
  int bits() const noexcept { return 16 / static_cast<int>(pairs); }
};

void put_values(const Words& words, std::size_t lane, const std::int8_t* q, int offset,
                unsigned char* values) noexcept {
  for (std::size_t v = 0; v < words.vectors(); ++v) {
    for (std::size_t e = 0; e < 2; ++e) {
      unsigned word = 0;
      for (std::size_t p = 0; p < words.pairs; ++p) {
        const auto value = static_cast<std::uint8_t>(q[2 * (v * words.pairs + p) + e] + offset);
        word |= unsigned{value} << (static_cast<int>(p) * words.bits());
      }
      const auto bits = static_cast<std::uint16_t>(word);
      std::memcpy(values + words.at(lane, v, e), &bits, sizeof bits);
    }
  }
}

void get_values(const Words& words, std::size_t lane, const unsigned char* values, int offset,
                std::int8_t* q) noexcept {
  for (std::size_t v = 0; v < words.vectors(); ++v) {
    for (std::size_t e = 0; e < 2; ++e) {
      std::uint16_t word;
      std::memcpy(&word, values + words.at(lane, v, e), sizeof word);
      for (std::size_t p = 0; p < words.pairs; ++p) {
        const int value = word >> (static_cast<int>(p) * words.bits());
        q[2 * (v * words.pairs + p) + e] = static_cast<std::int8_t>(words.pairs == 4 ? (value & 15) - offset : value);
      }
    }
  }
}

}  // namespace

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
    case DType::i64:
    case DType::u8: break;
  }
  return std::nullopt;
}

PackedWeights pack(DType type, std::span<const std::byte> rows, std::size_t n_out, std::size_t n_in, std::size_t lanes,
                   std::shared_ptr<WeightMemory> memory) {
  PackedWeights out{*pack_kind(type), lanes, n_out, n_in, {}, std::move(memory)};
  const PackFormat f = pack_format(out.kind);
  const std::size_t blocks = n_in / kBlock, groups = (n_out + lanes - 1) / lanes, block_bytes = out.block_bytes();
  const std::size_t row_size = row_bytes(type, n_in), scale_bytes = lanes * (f.f32_scales ? 4 : 2);
  const int offset = out.kind == PackKind::nibble_offset ? kNibbleOffset : 0;
  const Words words{lanes, f.nibble ? 4U : 2U};
  const std::span<unsigned char> bytes = out.memory->take(groups * blocks * block_bytes);
  out.bytes = bytes;
  for (std::size_t g = 0; g < groups; ++g) {
    for (std::size_t b = 0; b < blocks; ++b) {
      unsigned char* at = bytes.data() + (g * blocks + b) * block_bytes;
      std::memset(at, 0, block_bytes);
      unsigned char* values = at + scale_bytes * (1U + f.min + f.halves);
      for (std::size_t lane = 0; lane < std::min(lanes, n_out - g * lanes); ++lane) {
        Block32 block;
        decode_block(type, rows.data() + (g * lanes + lane) * row_size, b, block);
        put_scale(at, f.f32_scales, lane, block.d[0]);
        if (f.halves) put_scale(at + scale_bytes, f.f32_scales, lane, block.d[1]);
        if (f.min) put_scale(at + scale_bytes, f.f32_scales, lane, block.m);
        put_values(words, lane, block.q, offset, values);
      }
    }
  }
  return out;
}

void unpack_row(const PackedWeights& weights, std::size_t o, std::span<float> out) noexcept {
  const PackFormat f = pack_format(weights.kind);
  const std::size_t lane = o % weights.lanes, scale_bytes = weights.lanes * (f.f32_scales ? 4 : 2);
  const int offset = weights.kind == PackKind::nibble_offset ? kNibbleOffset : 0;
  const Words words{weights.lanes, f.nibble ? 4U : 2U};
  const unsigned char* at = weights.bytes.data() + o / weights.lanes * weights.group_bytes();
  for (std::size_t b = 0; b < weights.n_in / kBlock; ++b, at += weights.block_bytes()) {
    const unsigned char* values = at + scale_bytes * (1U + f.min + f.halves);
    Block32 block;
    block.d[0] = get_scale(at, f.f32_scales, lane);
    block.d[1] = f.halves ? get_scale(at + scale_bytes, f.f32_scales, lane) : block.d[0];
    block.m = f.min ? get_scale(at + scale_bytes, f.f32_scales, lane) : 0.0F;
    get_values(words, lane, values, offset, block.q);
    block_floats(block, out.data() + b * kBlock);
  }
}

}  // namespace zenith::kernels
