// Scalar decoders of GGUF's blocks. Source of the layouts: the GGUF specification and ggml's block structures.
#include "zenith/kernels/dequantize.hpp"

#include <cstring>
#include <string>

namespace zenith::kernels {
namespace {

std::uint8_t u8(const std::byte* p, std::size_t i) noexcept { return std::to_integer<std::uint8_t>(p[i]); }

std::uint16_t u16(const std::byte* p) noexcept {
  std::uint16_t v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

float half(const std::byte* p) noexcept { return f16_to_f32(u16(p)); }

/// The six-bit scale and minimum of sub-block `i` (0-7) in the 12 bytes that Q4_K and Q5_K share.
struct ScaleMin {
  int scale, min;
};
ScaleMin k_scale_min(const std::byte* s, std::size_t i) noexcept {
  if (i < 4) return {u8(s, i) & 63, u8(s, i + 4) & 63};
  return {(u8(s, i + 4) & 15) | (u8(s, i - 4) >> 6) << 4, (u8(s, i + 4) >> 4) | (u8(s, i) >> 6) << 4};
}

void block_q4_0(const std::byte* b, float* y) noexcept {
  const float d = half(b);
  for (std::size_t i = 0; i < 16; ++i) {
    y[i] = d * static_cast<float>((u8(b, 2 + i) & 15) - 8);
    y[i + 16] = d * static_cast<float>((u8(b, 2 + i) >> 4) - 8);
  }
}

void block_q4_1(const std::byte* b, float* y) noexcept {
  const float d = half(b), m = half(b + 2);
  for (std::size_t i = 0; i < 16; ++i) {
    y[i] = d * static_cast<float>(u8(b, 4 + i) & 15) + m;
    y[i + 16] = d * static_cast<float>(u8(b, 4 + i) >> 4) + m;
  }
}

/// The fifth bits are one 32-bit word: bit i for element i.
void block_q5(float d, int offset, float m, const std::byte* high, const std::byte* low, float* y) noexcept {
  std::uint32_t bits;
  std::memcpy(&bits, high, sizeof bits);
  for (std::size_t i = 0; i < 16; ++i) {
    const int a = (u8(low, i) & 15) | static_cast<int>(bits >> i & 1U) << 4;
    const int b = (u8(low, i) >> 4) | static_cast<int>(bits >> (i + 16) & 1U) << 4;
    y[i] = d * static_cast<float>(a - offset) + m;
    y[i + 16] = d * static_cast<float>(b - offset) + m;
  }
}

void block_q8_0(const std::byte* b, float* y) noexcept {
  const float d = half(b);
  for (std::size_t i = 0; i < 32; ++i) y[i] = d * static_cast<float>(static_cast<std::int8_t>(u8(b, 2 + i)));
}

/// 256 elements: d, dmin, 12 bytes of scales, 128 bytes of nibbles; 64 elements to 32 bytes, low nibbles first.
void block_q4_k(const std::byte* b, float* y) noexcept {
  const float d = half(b), dmin = half(b + 2);
  for (std::size_t sub = 0; sub < 8; ++sub) {
    const ScaleMin s = k_scale_min(b + 4, sub);
    const float scale = d * static_cast<float>(s.scale), min = dmin * static_cast<float>(s.min);
    const std::byte* q = b + 16 + sub / 2 * 32;
    for (std::size_t i = 0; i < 32; ++i)
      y[sub * 32 + i] = scale * static_cast<float>(sub % 2 ? u8(q, i) >> 4 : u8(q, i) & 15) - min;
  }
}

/// As Q4_K, with 32 bytes of fifth bits before the nibbles: bit `sub` of byte i for element i of the sub-block.
void block_q5_k(const std::byte* b, float* y) noexcept {
  const float d = half(b), dmin = half(b + 2);
  for (std::size_t sub = 0; sub < 8; ++sub) {
    const ScaleMin s = k_scale_min(b + 4, sub);
    const float scale = d * static_cast<float>(s.scale), min = dmin * static_cast<float>(s.min);
    const std::byte *high = b + 16, *q = b + 48 + sub / 2 * 32;
    for (std::size_t i = 0; i < 32; ++i) {
      const int nibble = sub % 2 ? u8(q, i) >> 4 : u8(q, i) & 15;
      y[sub * 32 + i] = scale * static_cast<float>(nibble | (u8(high, i) >> sub & 1) << 4) - min;
    }
  }
}

/// 128 bytes of low nibbles, 64 of high bit pairs, 16 int8 scales (one for 16 elements), d. Two halves of 128 elements.
void block_q6_k(const std::byte* b, float* y) noexcept {
  const float d = half(b + 208);
  for (std::size_t n = 0; n < 2; ++n) {
    const std::byte *low = b + n * 64, *high = b + 128 + n * 32, *scales = b + 192 + n * 8;
    for (std::size_t quarter = 0; quarter < 4; ++quarter) {
      for (std::size_t i = 0; i < 32; ++i) {
        const std::uint8_t byte = u8(low, quarter % 2 * 32 + i);
        const int q = ((quarter < 2 ? byte & 15 : byte >> 4) | (u8(high, i) >> (2 * quarter) & 3) << 4) - 32;
        const float scale = d * static_cast<float>(static_cast<std::int8_t>(u8(scales, quarter * 2 + i / 16)));
        y[n * 128 + quarter * 32 + i] = scale * static_cast<float>(q);
      }
    }
  }
}

}  // namespace

Status dequantize_row(DType type, std::span<const std::byte> bytes, std::span<float> out) noexcept {
  const DTypeInfo info = dtype_info(type);
  const std::byte* b = bytes.data();
  const auto each_block = [&](auto decode) {
    for (std::size_t i = 0; i + info.elements <= out.size(); i += info.elements, b += info.bytes) decode(b, out.data() + i);
    return Status{};
  };
  switch (type) {
    case DType::f32: return each_block([](const std::byte* p, float* y) { std::memcpy(y, p, sizeof *y); });
    case DType::f16: return each_block([](const std::byte* p, float* y) { *y = half(p); });
    case DType::bf16: return each_block([](const std::byte* p, float* y) { *y = bf16_to_f32(u16(p)); });
    case DType::q4_0: return each_block(block_q4_0);
    case DType::q4_1: return each_block(block_q4_1);
    case DType::q5_0:
      return each_block([](const std::byte* p, float* y) { block_q5(half(p), 16, 0.0F, p + 2, p + 6, y); });
    case DType::q5_1:
      return each_block([](const std::byte* p, float* y) { block_q5(half(p), 0, half(p + 2), p + 4, p + 8, y); });
    case DType::q8_0: return each_block(block_q8_0);
    case DType::q4_k: return each_block(block_q4_k);
    case DType::q5_k: return each_block(block_q5_k);
    case DType::q6_k: return each_block(block_q6_k);
    case DType::i8:
    case DType::i16:
    case DType::i32:
    case DType::i64: break;
  }
  return fail(Errc::unsupported, std::string{info.name} + " has no float meaning: weights must be a float or block-quantised type");
}

}  // namespace zenith::kernels
