// Small models with seeded weights, built in memory: every architecture of the GGUF kind, F32.
#pragma once

#include <cmath>
#include <memory>
#include <string>

#include "gguf_writer.hpp"
#include "zenith/models/engine/model.hpp"
#include "zenith/models/weights/gguf.hpp"

namespace zenith::models::test {

inline constexpr std::size_t kTinyVocab = 97, kTinyContext = 512;

/// splitmix64: the same weights on every machine.
class Seeded {
 public:
  explicit Seeded(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  float uniform(float from, float to) { return from + (to - from) * static_cast<float>(next() >> 40) * 0x1p-24F; }
  std::vector<float> values(std::size_t count, float from, float to) {
    std::vector<float> out(count);
    for (float& v : out) v = uniform(from, to);
    return out;
  }

 private:
  std::uint64_t state_;
};

/// The honest file of a tiny model, to be changed before build().
inline GgufWriter tiny_gguf(const std::string& arch) {
  const bool gemma = arch == "gemma3";
  const std::uint32_t layers = gemma ? 6 : 2;
  const std::uint64_t d = 64, ff = 96, heads = 4, kv_heads = 2, head_dim = arch == "qwen3" || gemma ? 24 : 16;
  Seeded random{42};
  GgufWriter w;
  w.string("general.architecture", arch).string("general.name", "tiny " + arch);
  w.u32(arch + ".block_count", layers).u32(arch + ".embedding_length", d).u32(arch + ".feed_forward_length", ff);
  w.u32(arch + ".attention.head_count", heads).u32(arch + ".attention.head_count_kv", kv_heads);
  w.u32(arch + ".context_length", kTinyContext).f32(arch + ".attention.layer_norm_rms_epsilon", 1e-5F);
  if (head_dim != d / heads)
    w.u32(arch + ".attention.key_length", head_dim).u32(arch + ".attention.value_length", head_dim);
  if (gemma) w.u32("gemma3.attention.sliding_window", 16);
  const auto matrix = [&](const std::string& name, std::uint64_t n_in, std::uint64_t n_out) {
    const float bound = 1.5F / std::sqrt(static_cast<float>(n_in));
    w.floats(name, {n_in, n_out}, random.values(n_in * n_out, -bound, bound));
  };
  const auto vector = [&](const std::string& name, std::uint64_t n, float from, float to) {
    w.floats(name, {n}, random.values(n, from, to));
  };
  matrix("token_embd.weight", d, kTinyVocab);
  for (std::uint32_t i = 0; i < layers; ++i) {
    const std::string blk = "blk." + std::to_string(i) + ".";
    matrix(blk + "attn_q.weight", d, heads * head_dim);
    matrix(blk + "attn_k.weight", d, kv_heads * head_dim);
    matrix(blk + "attn_v.weight", d, kv_heads * head_dim);
    matrix(blk + "attn_output.weight", heads * head_dim, d);
    matrix(blk + "ffn_gate.weight", d, ff);
    matrix(blk + "ffn_up.weight", d, ff);
    matrix(blk + "ffn_down.weight", ff, d);
    std::vector<std::string> norms{"attn_norm", "ffn_norm"};
    if (gemma) norms.insert(norms.end(), {"post_attention_norm", "post_ffw_norm"});
    for (const std::string& n : norms) vector(blk + n + ".weight", d, 0.5F, 1.5F);
    if (arch == "qwen2") {
      vector(blk + "attn_q.bias", heads * head_dim, -0.5F, 0.5F);
      vector(blk + "attn_k.bias", kv_heads * head_dim, -0.5F, 0.5F);
      vector(blk + "attn_v.bias", kv_heads * head_dim, -0.5F, 0.5F);
    }
    if (arch == "qwen3" || gemma) {
      vector(blk + "attn_q_norm.weight", head_dim, 0.5F, 1.5F);
      vector(blk + "attn_k_norm.weight", head_dim, 0.5F, 1.5F);
    }
  }
  vector("output_norm.weight", d, 0.5F, 1.5F);
  return w;
}

/// A model and the file that it borrows from.
struct TinyModel {
  std::vector<std::byte> file;
  std::unique_ptr<WeightSource> source;
  std::unique_ptr<Model> model;
};

inline Expected<TinyModel> load_tiny(const GgufWriter& writer, const LoadOptions& options = {}) {
  TinyModel tiny;
  tiny.file = writer.build();
  auto source = parse_gguf(tiny.file);
  if (!source) return tl::make_unexpected(std::move(source.error()));
  tiny.source = std::move(*source);
  auto model = make_model(*tiny.source, options);
  if (!model) return tl::make_unexpected(std::move(model.error()));
  tiny.model = std::move(*model);
  return tiny;
}

}  // namespace zenith::models::test
