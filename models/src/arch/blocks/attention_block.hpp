// Grouped-query self-attention with rotary positions, as every text architecture here has it.
#pragma once

#include <optional>
#include <vector>

#include "arch/hyper.hpp"
#include "arch/tensor_loader.hpp"
#include "engine/graph.hpp"
#include "zenith/kernels/rope.hpp"

namespace zenith::models {

struct AttentionBlock {
  std::optional<kernels::Linear> q, k, v, o;
  std::vector<float> q_norm, k_norm;  ///< [head_dim] each, or empty
  float norm_eps = 0;
  std::size_t heads = 0, kv_heads = 0, head_dim = 0;
  kernels::AttentionParams params;
  const kernels::RopeTable* rope = nullptr;  ///< null: no rotary positions
  std::size_t window = 0;  ///< 0: everything before; else the last `window` tokens, the row's own among them

  /// Stores K and V of the rows and attends. @returns f32 [T, heads * head_dim], before `o`; scratch of the pass.
  View2<float> attend(const Pass& pass, View2<const float> x) const;
  void apply(const Pass& pass, View2<const float> x, View2<float> y) const;      ///< y = o(attend(x)), [T, d_model]
  void apply_add(const Pass& pass, View2<const float> x, View2<float> y) const;  ///< y += o(attend(x))
};

/// blk.<index>.attn_{q,k,v,output}.weight, or attn_qkv; biases and q/k norms where the file has them.
AttentionBlock load_attention(TensorLoader& loader, const Hyper& hyper, std::size_t index,
                              const kernels::RopeTable* rope);

}  // namespace zenith::models
