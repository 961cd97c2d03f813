// The K-quants' search. Each sub-block gets the scale (and minimum) of least weighted squared error over a grid of
// starting steps, in closed form for the codes of each; large weights count more, as an error on them moves more of the
// output. Source of layouts and of the weights: ggml's reference quantiser.
#include "quantize_k.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "zenith/kernels/dequantize.hpp"

namespace zenith::kernels {
namespace {

constexpr int kGrid = 10;          // starting steps on either side of the plain one
constexpr float kGridStep = 0.1F;  // in codes over the whole range
constexpr int kRefits = 2;         // of a block's units to the codes found under the last ones

/// To the nearest, ties to even. @pre |v| < 2^22
float nearest(float v) noexcept { return (v + 12582912.0F) - 12582912.0F; }

void put_half(std::byte* out, float value) noexcept {
  const std::uint16_t bits = f32_to_f16(value);
  std::memcpy(out, &bits, sizeof bits);
}

template <std::size_t N>
struct Codes {
  std::array<float, N> q;
  double error;  ///< weighted and squared
};

/// Codes for x = scale * q - min.
template <int kMost, std::size_t N>
Codes<N> encode(const float* x, const std::array<float, N>& w, float scale, float min) noexcept {
  Codes<N> out{};
  const float inverse = scale == 0 ? 0 : 1 / scale;
  float error = 0;
  for (std::size_t i = 0; i < N; ++i) {
    out.q[i] = nearest(std::clamp((x[i] + min) * inverse, 0.0F, static_cast<float>(kMost)));
    const float miss = scale * out.q[i] - min - x[i];
    error += w[i] * miss * miss;
  }
  out.error = error;
  return out;
}

struct Affine {
  float scale = 0, min = 0;  ///< x = scale * q - min, both >= 0
};

template <int kMost>
Affine fit_affine(const float* x, const std::array<float, 32>& w) noexcept {
  const auto [least, most] = std::minmax_element(x, x + 32);
  const float low = std::min(*least, 0.0F), span = *most - low;
  if (!(span > 0)) return {0, -low};
  float sum_w = 0, sum_x = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    sum_w += w[i];
    sum_x += w[i] * x[i];
  }
  Affine best{span / kMost, -low};
  double least_error = encode<kMost>(x, w, best.scale, best.min).error;
  for (int step = -kGrid; step <= kGrid; ++step) {
    const float inverse = (kMost + kGridStep * static_cast<float>(step)) / span;
    float sum_q = 0, sum_qq = 0, sum_xq = 0;
    for (std::size_t i = 0; i < 32; ++i) {
      const float q = nearest(std::clamp((x[i] - low) * inverse, 0.0F, static_cast<float>(kMost)));
      sum_q += w[i] * q;
      sum_qq += w[i] * q * q;
      sum_xq += w[i] * q * x[i];
    }
    const float determinant = sum_w * sum_qq - sum_q * sum_q;
    if (!(determinant > 0)) continue;
    Affine next{(sum_w * sum_xq - sum_x * sum_q) / determinant, -(sum_qq * sum_x - sum_q * sum_xq) / determinant};
    if (next.min < 0) next = {sum_xq / sum_qq, 0};
    if (!(next.scale > 0)) continue;
    const double error = encode<kMost>(x, w, next.scale, next.min).error;
    if (error < least_error) {
      least_error = error;
      best = next;
    }
  }
  return best;
}

/// Six-bit scales and minima of eight sub-blocks, and the codes under them.
struct AffineBlock {
  float d = 0, dmin = 0;
  std::array<int, 8> scale{}, min{};
  std::array<std::uint8_t, kSuperBlock> q{};
  double error = 0;
};

using Weights8 = std::array<std::array<float, 32>, 8>;

/// What a code stands for once its unit is rounded to F16.
float rounded_half(float value) noexcept { return f16_to_f32(f32_to_f16(std::min(value, 65504.0F))); }

/// The six-bit codes nearest to the fits under the units d and dmin, or neighbours of them that miss by less.
template <int kMost>
AffineBlock encode_block(const float* x, const Weights8& weights, const std::array<Affine, 8>& fits, float d,
                         float dmin) noexcept {
  constexpr int kMostScale = 63;
  AffineBlock out;
  out.d = rounded_half(d);
  out.dmin = rounded_half(dmin);
  const auto code = [](float value, float unit) {
    return unit > 0 ? static_cast<int>(nearest(std::min(value / unit, 63.0F))) : 0;
  };
  for (std::size_t s = 0; s < 8; ++s) {
    const int scale = code(fits[s].scale, out.d), min = code(fits[s].min, out.dmin);
    Codes<32> best{{}, INFINITY};
    for (int a = std::max(scale - 1, 0); a <= std::min(scale + 1, kMostScale); ++a) {
      for (int b = std::max(min - 1, 0); b <= std::min(min + 1, kMostScale); ++b) {
        const auto tried =
            encode<kMost>(x + 32 * s, weights[s], out.d * static_cast<float>(a), out.dmin * static_cast<float>(b));
        if (!(tried.error < best.error)) continue;
        best = tried;
        out.scale[s] = a;
        out.min[s] = b;
      }
    }
    for (std::size_t i = 0; i < 32; ++i) out.q[32 * s + i] = static_cast<std::uint8_t>(best.q[i]);
    out.error += best.error;
  }
  return out;
}

/// The units d and dmin of least error for the block's codes: x = d * (scale q) - dmin * min.
bool refit(const float* x, const Weights8& weights, const AffineBlock& block, float& d, float& dmin) noexcept {
  double uu = 0, uv = 0, vv = 0, ux = 0, vx = 0;
  for (std::size_t i = 0; i < kSuperBlock; ++i) {
    const std::size_t s = i / 32;
    const double w = weights[s][i % 32], u = block.scale[s] * block.q[i], v = -block.min[s];
    uu += w * u * u;
    uv += w * u * v;
    vv += w * v * v;
    ux += w * u * static_cast<double>(x[i]);
    vx += w * v * static_cast<double>(x[i]);
  }
  const double determinant = uu * vv - uv * uv;
  d = static_cast<float>(determinant > 0 ? (ux * vv - vx * uv) / determinant : uu > 0 ? ux / uu : 0);
  dmin = static_cast<float>(determinant > 0 ? (vx * uu - ux * uv) / determinant : 0);
  return d > 0 && dmin >= 0;
}

template <int kMost>
AffineBlock affine_block(const float* x) noexcept {
  Weights8 weights{};
  std::array<Affine, 8> fits{};
  float most_scale = 0, most_min = 0;
  for (std::size_t s = 0; s < 8; ++s) {
    float sum = 0;
    for (std::size_t i = 0; i < 32; ++i) sum += x[32 * s + i] * x[32 * s + i];
    const float mean = std::sqrt(sum / 32);
    for (std::size_t i = 0; i < 32; ++i) weights[s][i] = mean + std::abs(x[32 * s + i]);
    fits[s] = fit_affine<kMost>(x + 32 * s, weights[s]);
    most_scale = std::max(most_scale, fits[s].scale);
    most_min = std::max(most_min, fits[s].min);
  }
  AffineBlock best = encode_block<kMost>(x, weights, fits, most_scale / 63, most_min / 63);
  float d = 0, dmin = 0;
  for (int round = 0; round < kRefits && refit(x, weights, best, d, dmin); ++round) {
    const AffineBlock next = encode_block<kMost>(x, weights, fits, d, dmin);
    if (!(next.error < best.error)) break;
    best = next;
  }
  return best;
}

/// d, dmin, 12 bytes of scales and minima: what blocks.cpp's k_scales reads.
void put_scales(const AffineBlock& block, std::byte* out) noexcept {
  put_half(out, block.d);
  put_half(out + 2, block.dmin);
  std::array<int, 12> packed{};
  for (std::size_t s = 0; s < 4; ++s) {
    packed[s] = block.scale[s] | (block.scale[s + 4] >> 4) << 6;
    packed[s + 4] = block.min[s] | (block.min[s + 4] >> 4) << 6;
    packed[s + 8] = (block.scale[s + 4] & 15) | (block.min[s + 4] & 15) << 4;
  }
  for (std::size_t i = 0; i < packed.size(); ++i) out[4 + i] = static_cast<std::byte>(packed[i]);
}

/// 64 elements in 32 bytes: the first 32 in the low nibbles.
void put_nibbles(const AffineBlock& block, std::byte* out) noexcept {
  for (std::size_t pair = 0; pair < 4; ++pair) {
    for (std::size_t i = 0; i < 32; ++i) {
      out[32 * pair + i] =
          static_cast<std::byte>((block.q[64 * pair + i] & 15) | (block.q[64 * pair + 32 + i] & 15) << 4);
    }
  }
}

using Weights16 = std::array<float, 16>;

/// The scale of x = scale * q, q in [-32, 31].
float fit_symmetric(const float* x, const Weights16& w) noexcept {
  const float extreme = *std::max_element(x, x + 16, [](float a, float b) { return std::abs(a) < std::abs(b); });
  if (extreme == 0) return 0;
  float best = 0, most_gain = 0;
  for (int step = -kGrid; step <= kGrid; ++step) {
    const float inverse = -(32 + kGridStep * static_cast<float>(step)) / extreme;
    float sum_xq = 0, sum_qq = 0;
    for (std::size_t i = 0; i < 16; ++i) {
      const float q = nearest(std::clamp(x[i] * inverse, -32.0F, 31.0F));
      sum_xq += w[i] * x[i] * q;
      sum_qq += w[i] * q * q;
    }
    if (sum_qq > 0 && sum_xq * sum_xq > most_gain * sum_qq) {
      best = sum_xq / sum_qq;
      most_gain = best * sum_xq;
    }
  }
  return best;
}

Codes<16> encode_symmetric(const float* x, const Weights16& w, float scale) noexcept {
  Codes<16> out{};
  const float inverse = scale == 0 ? 0 : 1 / scale;
  float error = 0;
  for (std::size_t i = 0; i < 16; ++i) {
    out.q[i] = nearest(std::clamp(x[i] * inverse, -32.0F, 31.0F));
    const float miss = scale * out.q[i] - x[i];
    error += w[i] * miss * miss;
  }
  out.error = error;
  return out;
}

struct SymmetricBlock {
  float d = 0;
  std::array<int, 16> scale{};
  std::array<int, kSuperBlock> q{};  ///< -32 ... 31
  double error = 0;
};

SymmetricBlock encode_symmetric_block(const float* x, const std::array<Weights16, 16>& weights,
                                      const std::array<float, 16>& fits, float d) noexcept {
  SymmetricBlock out;
  out.d = f16_to_f32(f32_to_f16(std::clamp(d, -65504.0F, 65504.0F)));
  for (std::size_t s = 0; s < 16; ++s) {
    const int nearby = out.d == 0 ? 0 : static_cast<int>(nearest(std::clamp(fits[s] / out.d, -128.0F, 127.0F)));
    Codes<16> best{{}, INFINITY};
    for (int tried = std::max(nearby - 1, -128); tried <= std::min(nearby + 1, 127); ++tried) {
      const auto codes = encode_symmetric(x + 16 * s, weights[s], out.d * static_cast<float>(tried));
      if (!(codes.error < best.error)) continue;
      best = codes;
      out.scale[s] = tried;
    }
    for (std::size_t i = 0; i < 16; ++i) out.q[16 * s + i] = static_cast<int>(best.q[i]);
    out.error += best.error;
  }
  return out;
}

/// The unit of least error for the block's codes: x = d * (scale q).
float refit(const float* x, const std::array<Weights16, 16>& weights, const SymmetricBlock& block) noexcept {
  double uu = 0, ux = 0;
  for (std::size_t i = 0; i < kSuperBlock; ++i) {
    const double w = weights[i / 16][i % 16], u = block.scale[i / 16] * block.q[i];
    uu += w * u * u;
    ux += w * u * static_cast<double>(x[i]);
  }
  return uu > 0 ? static_cast<float>(ux / uu) : 0;
}

}  // namespace

void quantize_q4_k(const float* x, std::byte* out) noexcept {
  const AffineBlock block = affine_block<15>(x);
  put_scales(block, out);
  put_nibbles(block, out + 16);
}

void quantize_q5_k(const float* x, std::byte* out) noexcept {
  const AffineBlock block = affine_block<31>(x);
  put_scales(block, out);
  for (std::size_t i = 0; i < 32; ++i) {
    int high = 0;
    for (std::size_t s = 0; s < 8; ++s) high |= (block.q[32 * s + i] >> 4) << s;
    out[16 + i] = static_cast<std::byte>(high);
  }
  put_nibbles(block, out + 48);
}

void quantize_q6_k(const float* x, std::byte* out) noexcept {
  std::array<Weights16, 16> weights{};
  std::array<float, 16> fits{};
  float extreme = 0;
  for (std::size_t s = 0; s < 16; ++s) {
    for (std::size_t i = 0; i < 16; ++i) weights[s][i] = x[16 * s + i] * x[16 * s + i];
    fits[s] = fit_symmetric(x + 16 * s, weights[s]);
    if (std::abs(fits[s]) > std::abs(extreme)) extreme = fits[s];
  }
  SymmetricBlock block = encode_symmetric_block(x, weights, fits, extreme / -128);
  for (int round = 0; round < kRefits; ++round) {
    const SymmetricBlock next = encode_symmetric_block(x, weights, fits, refit(x, weights, block));
    if (!(next.error < block.error)) break;
    block = next;
  }
  put_half(out + 208, block.d);
  for (std::size_t s = 0; s < 16; ++s) out[192 + s] = static_cast<std::byte>(static_cast<std::int8_t>(block.scale[s]));
  for (std::size_t half = 0; half < 2; ++half) {
    std::array<int, 128> from{};
    for (std::size_t i = 0; i < from.size(); ++i) from[i] = block.q[128 * half + i] + 32;
    for (std::size_t i = 0; i < 32; ++i) {
      out[64 * half + i] = static_cast<std::byte>((from[i] & 15) | (from[i + 64] & 15) << 4);
      out[64 * half + 32 + i] = static_cast<std::byte>((from[i + 32] & 15) | (from[i + 96] & 15) << 4);
      out[128 + 32 * half + i] = static_cast<std::byte>((from[i] >> 4) | (from[i + 32] >> 4) << 2 |
                                                        (from[i + 64] >> 4) << 4 | (from[i + 96] >> 4) << 6);
    }
  }
}

}  // namespace zenith::kernels
