// The arithmetic of attention: one query row's heads that share a KV head, against up to kPageTokens keys; and the
// merge of such parts.
#pragma once

#include <cstddef>
#include <cstdint>

namespace zenith::kernels {

/// Head dimensions are padded to this with zeros: a multiple of every target's vector.
constexpr std::size_t kHeadPad = 16;
constexpr std::size_t padded(std::size_t head_dim) noexcept { return (head_dim + kHeadPad - 1) / kHeadPad * kHeadPad; }

/// Softmax over some keys, not yet divided: for each head the largest score, sum of e^(score - largest), and that sum
/// weighted with V.
struct SoftmaxPart {
  float* most;      ///< [heads]
  float* sum;       ///< [heads]
  float* weighted;  ///< [heads, width]
};

/// One KV head of one page: K [head_dim, kPageTokens], V [kPageTokens, head_dim] with rows v_stride elements apart,
/// both f32 or both f16.
struct AttentionBlock {
  const float* q;  ///< [heads, head_dim]
  std::size_t heads, head_dim;
  const std::byte *k, *v;
  std::size_t v_stride;
  bool half;
  std::size_t first, last;  ///< of the page's keys; first < last. The others are not looked at.
  float scale, softcap;
};

void attention_block(const AttentionBlock& block, const SoftmaxPart& out) noexcept;

/// into = into and then part. Not associative in its last bits: always called in the order of keys.
void merge_parts(const SoftmaxPart& into, const SoftmaxPart& part, std::size_t heads, std::size_t width) noexcept;

/// f32 to f16, nearest even.
void store_half(const float* from, std::uint16_t* to, std::size_t n) noexcept;

}  // namespace zenith::kernels
