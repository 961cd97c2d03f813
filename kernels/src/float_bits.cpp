// Half precision and bfloat16, bit by bit, without hardware help: the same on every CPU.
#include <bit>

#include "zenith/kernels/dequantize.hpp"

namespace zenith::kernels {

float f16_to_f32(std::uint16_t bits) noexcept {
  const std::uint32_t sign = std::uint32_t{bits} >> 15 << 31, rest = bits & 0x7FFFU;
  if (rest >= 0x7C00) return std::bit_cast<float>(sign | 0x7F80'0000U | (rest & 0x3FFU) << 13);  // infinity, NaN
  if (rest >= 0x0400) return std::bit_cast<float>(sign | ((rest << 13) + (112U << 23)));
  const float magnitude = static_cast<float>(rest) * 0x1p-24F;  // subnormal or zero: exact
  return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
}

std::uint16_t f32_to_f16(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>(bits >> 31 << 15);
  const std::uint32_t rest = bits & 0x7FFF'FFFFU;
  if (rest > 0x7F80'0000U) return static_cast<std::uint16_t>(sign | 0x7E00U | (rest >> 13 & 0x3FFU));  // quiet NaN
  if (rest >= 0x4780'0000U) return sign | 0x7C00U;                                                     // >= 65536
  if (rest < 0x3880'0000U) {  // below 2^-14: let the addition round to the subnormal grid 2^-24
    const float shifted = std::bit_cast<float>(rest) + 0.5F;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3F00'0000U));
  }
  const std::uint32_t rounded = rest + 0xFFFU + (rest >> 13 & 1U);  // may carry up to infinity, which is right
  return static_cast<std::uint16_t>(sign | ((rounded - (112U << 23)) >> 13));
}

float bf16_to_f32(std::uint16_t bits) noexcept { return std::bit_cast<float>(std::uint32_t{bits} << 16); }

std::uint16_t f32_to_bf16(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7FFF'FFFFU) > 0x7F80'0000U) return static_cast<std::uint16_t>(bits >> 16 | 0x40U);
  return static_cast<std::uint16_t>((bits + 0x7FFFU + (bits >> 16 & 1U)) >> 16);
}

}  // namespace zenith::kernels
