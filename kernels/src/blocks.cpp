// Decoders of GGUF's blocks. Source of the layouts: the GGUF specification and ggml's block structures.
#include "blocks.hpp"

#include <cstring>

#include "zenith/kernels/dequantize.hpp"

namespace zenith::kernels {
namespace {

std::uint8_t u8(const std::byte* p, std::size_t i) noexcept { return std::to_integer<std::uint8_t>(p[i]); }

float half(const std::byte* p) noexcept {
  std::uint16_t bits;
  std::memcpy(&bits, p, sizeof bits);
  return f16_to_f32(bits);
}

void set_scales(Block32& out, float d, float m) noexcept {
  out.d[0] = out.d[1] = d;
  out.m = m;
}

/// 16 bytes: low nibbles are elements 0-15, high nibbles 16-31.
void nibbles(const std::byte* low, int offset, Block32& out) noexcept {
  for (std::size_t i = 0; i < 16; ++i) {
    out.q[i] = static_cast<std::int8_t>((u8(low, i) & 15) - offset);
    out.q[i + 16] = static_cast<std::int8_t>((u8(low, i) >> 4) - offset);
  }
}

/// As `nibbles`, with fifth bits in one 32-bit word: bit i for element i.
void five_bits(const std::byte* high, const std::byte* low, int offset, Block32& out) noexcept {
  std::uint32_t bits;
  std::memcpy(&bits, high, sizeof bits);
  for (std::size_t i = 0; i < 16; ++i) {
    out.q[i] = static_cast<std::int8_t>(((u8(low, i) & 15) | static_cast<int>(bits >> i & 1U) << 4) - offset);
    out.q[i + 16] =
        static_cast<std::int8_t>(((u8(low, i) >> 4) | static_cast<int>(bits >> (i + 16) & 1U) << 4) - offset);
  }
}

/// Q4_K and Q5_K: d, dmin, then 12 bytes that hold eight six-bit scales and minima.
void k_scales(const std::byte* b, std::size_t sub, Block32& out) noexcept {
  const std::byte* s = b + 4;
  int scale, min;
  if (sub < 4) {
    scale = u8(s, sub) & 63;
    min = u8(s, sub + 4) & 63;
  } else {
    scale = (u8(s, sub + 4) & 15) | (u8(s, sub - 4) >> 6) << 4;
    min = (u8(s, sub + 4) >> 4) | (u8(s, sub) >> 6) << 4;
  }
  set_scales(out, half(b) * static_cast<float>(scale), -(half(b + 2) * static_cast<float>(min)));
}

/// 128 bytes of nibbles: 64 elements in 32 bytes, low nibbles first.
void q4_k(const std::byte* b, std::size_t sub, Block32& out) noexcept {
  k_scales(b, sub, out);
  const std::byte* low = b + 16 + sub / 2 * 32;
  const int shift = sub % 2 ? 4 : 0;
  for (std::size_t i = 0; i < kBlock; ++i) out.q[i] = static_cast<std::int8_t>(u8(low, i) >> shift & 15);
}

/// As Q4_K, with 32 bytes of fifth bits before the nibbles: bit `sub` of byte i.
void q5_k(const std::byte* b, std::size_t sub, Block32& out) noexcept {
  k_scales(b, sub, out);
  const std::byte *high = b + 16, *low = b + 48 + sub / 2 * 32;
  const int shift = sub % 2 ? 4 : 0;
  for (std::size_t i = 0; i < kBlock; ++i)
    out.q[i] = static_cast<std::int8_t>((u8(low, i) >> shift & 15) | (u8(high, i) >> sub & 1) << 4);
}

/// 128 bytes of low nibbles, 64 of high bit pairs, 16 int8 scales (one for 16 elements), d. Two halves of 128 elements.
void q6_k(const std::byte* b, std::size_t sub, Block32& out) noexcept {
  const std::size_t half_of = sub / 4, quarter = sub % 4;
  const std::byte *low = b + half_of * 64 + quarter % 2 * 32, *high = b + 128 + half_of * 32,
                  *scales = b + 192 + sub * 2;
  const float d = half(b + 208);
  for (std::size_t i = 0; i < 2; ++i) out.d[i] = d * static_cast<float>(static_cast<std::int8_t>(u8(scales, i)));
  out.m = 0;
  const int shift = quarter < 2 ? 0 : 4;
  for (std::size_t i = 0; i < kBlock; ++i)
    out.q[i] = static_cast<std::int8_t>(((u8(low, i) >> shift & 15) | (u8(high, i) >> (2 * quarter) & 3) << 4) - 32);
}

}  // namespace

void decode_block(DType type, const std::byte* row, std::size_t i, Block32& out) noexcept {
  const DTypeInfo info = dtype_info(type);
  const std::size_t subs = info.elements / kBlock, sub = i % subs;
  const std::byte* b = row + i / subs * info.bytes;
  switch (type) {
    case DType::q4_0: set_scales(out, half(b), 0); return nibbles(b + 2, 8, out);
    case DType::q4_1: set_scales(out, half(b), half(b + 2)); return nibbles(b + 4, 0, out);
    case DType::q5_0: set_scales(out, half(b), 0); return five_bits(b + 2, b + 6, 16, out);
    case DType::q5_1: set_scales(out, half(b), half(b + 2)); return five_bits(b + 4, b + 8, 0, out);
    case DType::q8_0:
      set_scales(out, half(b), 0);
      std::memcpy(out.q, b + 2, kBlock);
      return;
    case DType::q4_k: return q4_k(b, sub, out);
    case DType::q5_k: return q5_k(b, sub, out);
    case DType::q6_k: return q6_k(b, sub, out);
    case DType::f32:
    case DType::f16:
    case DType::bf16:
    case DType::i8:
    case DType::i16:
    case DType::i32:
    case DType::i64:
    case DType::u8: break;
  }
}

void block_floats(const Block32& block, float* out) noexcept {
  for (std::size_t i = 0; i < kBlock; ++i) out[i] = block.d[i / 16] * static_cast<float>(block.q[i]) + block.m;
}

}  // namespace zenith::kernels
