#include "zenith/kernels/quantize_row.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>

#include "blocks.hpp"
#include "quantize_k.hpp"
#include "zenith/kernels/dequantize.hpp"

namespace zenith::kernels {
namespace {

using Codes = std::array<std::uint8_t, kBlock>;

void put_half(std::byte* out, float value) noexcept {
  const std::uint16_t bits = f32_to_f16(value);
  std::memcpy(out, &bits, sizeof bits);
}

/// 16 bytes of low halves: elements 0-15 in the low nibbles, 16-31 in the high ones.
void put_nibbles(std::byte* out, const Codes& q) noexcept {
  for (std::size_t i = 0; i < 16; ++i) out[i] = static_cast<std::byte>((q[i] & 15) | (q[i + 16] & 15) << 4);
}

void put_fifth_bits(std::byte* out, const Codes& q) noexcept {
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < kBlock; ++i) bits |= static_cast<std::uint32_t>(q[i] >> 4) << i;
  std::memcpy(out, &bits, sizeof bits);
}

/// w = d * (q - kHalf): d brings the element of largest magnitude to -kHalf.
template <int kHalf>
float symmetric(const float* x, Codes& q) noexcept {
  float extreme = x[0];
  for (std::size_t i = 1; i < kBlock; ++i) {
    if (std::abs(x[i]) > std::abs(extreme)) extreme = x[i];
  }
  const float d = extreme / -kHalf, inverse = d == 0 ? 0 : 1 / d;
  for (std::size_t i = 0; i < kBlock; ++i) {
    const float code = std::trunc(x[i] * inverse + (static_cast<float>(kHalf) + 0.5F));
    q[i] = static_cast<std::uint8_t>(std::clamp(code, 0.0F, static_cast<float>(2 * kHalf - 1)));
  }
  return d;
}

/// w = d * q + m: m is the least element, d spans the rest in kMost steps.
template <int kMost>
std::pair<float, float> affine(const float* x, Codes& q) noexcept {
  const auto [least, most] = std::minmax_element(x, x + kBlock);
  const float m = *least, d = (*most - m) / kMost, inverse = d == 0 ? 0 : 1 / d;
  for (std::size_t i = 0; i < kBlock; ++i) {
    const float code = std::trunc((x[i] - m) * inverse + 0.5F);
    q[i] = static_cast<std::uint8_t>(std::clamp(code, 0.0F, static_cast<float>(kMost)));
  }
  return {d, m};
}

void q8_0(const float* x, std::byte* out) noexcept {
  float most = 0;
  for (std::size_t i = 0; i < kBlock; ++i) most = std::max(most, std::abs(x[i]));
  const float d = most / 127, inverse = d == 0 ? 0 : 1 / d;
  put_half(out, d);
  for (std::size_t i = 0; i < kBlock; ++i) {
    out[2 + i] = static_cast<std::byte>(static_cast<std::int8_t>(std::round(x[i] * inverse)));
  }
}

void q4_0(const float* x, std::byte* out) noexcept {
  Codes q;
  put_half(out, symmetric<8>(x, q));
  put_nibbles(out + 2, q);
}

void q5_0(const float* x, std::byte* out) noexcept {
  Codes q;
  put_half(out, symmetric<16>(x, q));
  put_fifth_bits(out + 2, q);
  put_nibbles(out + 6, q);
}

void q4_1(const float* x, std::byte* out) noexcept {
  Codes q;
  const auto [d, m] = affine<15>(x, q);
  put_half(out, d);
  put_half(out + 2, m);
  put_nibbles(out + 4, q);
}

void q5_1(const float* x, std::byte* out) noexcept {
  Codes q;
  const auto [d, m] = affine<31>(x, q);
  put_half(out, d);
  put_half(out + 2, m);
  put_fifth_bits(out + 4, q);
  put_nibbles(out + 8, q);
}

void f16(const float* x, std::byte* out) noexcept { put_half(out, *x); }
void bf16(const float* x, std::byte* out) noexcept {
  const std::uint16_t bits = f32_to_bf16(*x);
  std::memcpy(out, &bits, sizeof bits);
}
void f32(const float* x, std::byte* out) noexcept { std::memcpy(out, x, sizeof(float)); }

using QuantizeBlock = void (*)(const float*, std::byte*) noexcept;

QuantizeBlock quantizer(DType type) noexcept {
  switch (type) {
    case DType::f32: return f32;
    case DType::f16: return f16;
    case DType::bf16: return bf16;
    case DType::q4_0: return q4_0;
    case DType::q4_1: return q4_1;
    case DType::q5_0: return q5_0;
    case DType::q5_1: return q5_1;
    case DType::q8_0: return q8_0;
    case DType::q4_k: return quantize_q4_k;
    case DType::q5_k: return quantize_q5_k;
    case DType::q6_k: return quantize_q6_k;
    case DType::i8:
    case DType::i16:
    case DType::i32:
    case DType::i64:
    case DType::u8: break;
  }
  return nullptr;
}

}  // namespace

Status quantize_row(DType type, std::span<const float> row, std::span<std::byte> out) noexcept {
  const QuantizeBlock block = quantizer(type);
  const DTypeInfo info = dtype_info(type);
  if (block == nullptr) {
    return fail(Errc::unsupported,
                std::string{info.name} + " holds no weights: a float or block-quantised type is needed");
  }
  if (type != DType::f32 && type != DType::bf16) {
    const auto bad = std::find_if(row.begin(), row.end(), [](float v) { return !(std::abs(v) <= kMostF16); });
    if (bad != row.end()) {
      return fail(Errc::invalid_argument, "element " + std::to_string(bad - row.begin()) + " is " +
                                              std::to_string(*bad) + ", " + std::string{info.name} +
                                              " holds -65504 to 65504");
    }
  }
  for (std::size_t i = 0; i < row.size() / info.elements; ++i)
    block(row.data() + i * info.elements, out.data() + i * info.bytes);
  return {};
}

}  // namespace zenith::kernels
