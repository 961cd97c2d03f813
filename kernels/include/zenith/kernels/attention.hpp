// Attention over keys and values in pages. KV memory is reached through block tables only.
#pragma once

#include <cstdint>
#include <span>

#include "zenith/core/dtype.hpp"
#include "zenith/core/view.hpp"
#include "zenith/kernels/exec.hpp"

namespace zenith::kernels {

inline constexpr std::size_t kPageTokens = 64;  ///< also the fixed block in which keys are reduced

/// One layer's share of a KV pool: page p holds K [kv_heads * head_dim, kPageTokens] (a score then needs no sum across
/// lanes) at k + p * page_stride bytes, and V [kPageTokens, kv_heads * head_dim] as far from v.
struct KvLayer {
  std::byte* k = nullptr;
  std::byte* v = nullptr;
  std::size_t page_stride_bytes = 0;
  DType dtype = DType::f16;  ///< f32 or f16
  std::size_t kv_heads = 0, head_dim = 0;
};

/// Where a row's own K and V go, and what it may see.
struct KvRow {
  std::span<const std::uint32_t> pages;  ///< the sequence's block table; page of index i is pages[i / kPageTokens]
  std::uint32_t slot = 0;                ///< the row's index in its sequence
  std::uint32_t first = 0;               ///< first visible index (sliding window)
  std::uint32_t last = 0;  ///< one past the last visible index: slot + 1 when causal, the span's end inside a span
};

/// Writes k, v f32 [T, kv_heads * head_dim] into each row's slot, rounded to the pool's dtype.
void kv_store(Exec& ex, const KvLayer& kv, std::span<const KvRow> rows, View2<const float> k,
              View2<const float> v) noexcept;

struct AttentionParams {
  std::size_t heads = 0;  ///< query heads, a multiple of kv_heads
  float scale = 1.0F;     ///< applied to q·k
  float softcap = 0.0F;   ///< 0 = none, else s -> cap * tanh(s / cap)
};

/// y[t, h] = softmax_j(scale q[t,h]·K[j]) V[j] over the row's visible j, an online softmax over blocks of kPageTokens
/// keys aligned to pages, in order, so that neither other rows, threads nor chunking change a bit.  Source:
/// arXiv:2205.14135.
/// @param q f32 [T, heads * head_dim]. y same shape, may not alias. @pre the visible rows have been stored.
/// Tolerance: nmse <= 1e-10 against the reference on the same stored K and V.
void attention(Exec& ex, const KvLayer& kv, std::span<const KvRow> rows, const AttentionParams& params,
               View2<const float> q, View2<float> y) noexcept;

}  // namespace zenith::kernels
