#include "arch/blocks/attention_block.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "zenith/kernels/norm.hpp"

namespace zenith::models {
namespace {

// [T, heads * head_dim] as [T * heads, head_dim].
View2<float> by_head(View2<float> x, std::size_t head_dim) { return {x.data, x.rows * (x.cols / head_dim), head_dim}; }

std::span<const kernels::KvRow> windowed(const Pass& pass, std::size_t window) {
  if (window == 0) return pass.kv_rows;
  const auto rows = pass.ex.workspace->take<kernels::KvRow>(pass.kv_rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const kernels::KvRow& row = pass.kv_rows[i];
    const std::uint32_t seen = row.slot + 1;
    rows[i] = {row.pages, row.slot, static_cast<std::uint32_t>(seen - std::min<std::size_t>(window, seen)), row.last};
  }
  return rows;
}

}  // namespace

View2<float> AttentionBlock::attend(const Pass& pass, View2<const float> x) const {
  const std::size_t count = x.rows;
  const View2<float> queries = pass.scratch(count, heads * head_dim), keys = pass.scratch(count, kv_heads * head_dim),
                     values = pass.scratch(count, kv_heads * head_dim), out = pass.scratch(count, heads * head_dim);
  const kernels::Activations input{pass.ex, x, pass.meta};
  const kernels::Linear::Use uses[] = {{&*q, queries}, {&*k, keys}, {&*v, values}};
  kernels::Linear::apply_all(pass.ex, input, uses);
  if (!q_norm.empty())
    kernels::rms_norm(pass.ex, by_head(queries, head_dim), q_norm, norm_eps, by_head(queries, head_dim));
  if (!k_norm.empty()) kernels::rms_norm(pass.ex, by_head(keys, head_dim), k_norm, norm_eps, by_head(keys, head_dim));
  if (rope != nullptr) {
    kernels::rope(pass.ex, queries, head_dim, pass.positions, *rope);
    kernels::rope(pass.ex, keys, head_dim, pass.positions, *rope);
  }
  const auto rows = windowed(pass, window);
  kernels::kv_store(pass.ex, pass.kv, rows, keys, values);
  kernels::attention(pass.ex, pass.kv, rows, params, queries, out);
  return out;
}

void AttentionBlock::apply(const Pass& pass, View2<const float> x, View2<float> y) const {
  o->apply(pass.ex, kernels::Activations{pass.ex, attend(pass, x), pass.meta}, y);
}

void AttentionBlock::apply_add(const Pass& pass, View2<const float> x, View2<float> y) const {
  o->apply_add(pass.ex, kernels::Activations{pass.ex, attend(pass, x), pass.meta}, y);
}

AttentionBlock load_attention(TensorLoader& loader, const Hyper& h, std::size_t index, const kernels::RopeTable* rope) {
  const auto name = [&](std::string_view part) { return fmt::format("blk.{}.attn_{}", index, part); };
  const auto bias = [&](std::string_view part) {
    return loader.has(name(part) + ".bias") ? name(part) + ".bias" : std::string{};
  };
  const std::size_t n_q = h.heads * h.head_dim, n_kv = h.kv_heads * h.head_dim;
  AttentionBlock block;
  if (loader.has(name("qkv") + ".weight")) {
    const std::size_t rows = n_q + 2 * n_kv;
    const auto slice = [&](std::size_t first, std::size_t count) {
      return loader.linear_slice(name("qkv") + ".weight", rows, h.d_model, first, count, bias("qkv"));
    };
    block.q = slice(0, n_q);
    block.k = slice(n_q, n_kv);
    block.v = slice(n_q + n_kv, n_kv);
  } else {
    block.q = loader.linear(name("q") + ".weight", n_q, h.d_model, bias("q"));
    block.k = loader.linear(name("k") + ".weight", n_kv, h.d_model, bias("k"));
    block.v = loader.linear(name("v") + ".weight", n_kv, h.d_model, bias("v"));
  }
  block.o = loader.linear(name("output") + ".weight", h.d_model, n_q, bias("output"));
  block.norm_eps = h.norm_eps;
  block.heads = h.heads;
  block.kv_heads = h.kv_heads;
  block.head_dim = h.head_dim;
  block.params = {h.heads, h.attention_scale, 0.0F};
  block.rope = rope;
  return block;
}

}  // namespace zenith::models
