// Gemma 3: token rows times sqrt(d), norms before and after each part, GELU gate, and five layers with a sliding window
// for each that sees everything. Local layers have a rope base of their own; linear rope scaling applies to the others
// only. Source: arXiv:2503.19786; keys as in the GGUF converters.
#include <cmath>

#include <fmt/format.h>

#include "arch/blocks/attention_block.hpp"
#include "arch/blocks/gated_mlp.hpp"
#include "arch/blocks/vocabulary.hpp"
#include "arch/registry.hpp"
#include "zenith/kernels/elementwise.hpp"
#include "zenith/kernels/norm.hpp"

namespace zenith::models {
namespace {

constexpr std::size_t kBlocksOf27B = 62;  // the one size whose attention scale is 1 / sqrt(d_model / heads)

struct Local {
  std::size_t window = 0, pattern = 6;  // every pattern-th layer sees everything
  double rope_base = 10000;
  float attention_softcap = 0, final_softcap = 0;
};

Expected<Local> read_local(const WeightSource& source) {
  Local local;
  const auto integer = [&](const char* key, std::int64_t fallback) {
    return meta_int(source, fmt::format("gemma3.{}", key), fallback);
  };
  const auto number = [&](const char* key, double fallback) {
    return meta_number(source, fmt::format("gemma3.{}", key), fallback);
  };
  const auto window = integer("attention.sliding_window", 0), pattern = integer("attention.sliding_window_pattern", 6);
  const auto base = number("rope.freq_base_swa", 10000), attention = number("attn_logit_softcapping", 0),
             final = number("final_logit_softcapping", 0);
  for (const auto* value : {&window, &pattern}) {
    if (!*value) return tl::make_unexpected(value->error());
  }
  for (const auto* value : {&base, &attention, &final}) {
    if (!*value) return tl::make_unexpected(value->error());
  }
  if (*window < 0 || *pattern < 1 || !(*base >= 1) || !(*attention >= 0) || !(*final >= 0)) {
    return fail(
        Errc::bad_file,
        fmt::format(
            "gemma3 keys are out of range: sliding window {}, pattern {}, rope.freq_base_swa {}, softcaps {} and {}",
            *window, *pattern, *base, *attention, *final));
  }
  local.window = static_cast<std::size_t>(*window);
  local.pattern = static_cast<std::size_t>(*pattern);
  local.rope_base = *base;
  local.attention_softcap = static_cast<float>(*attention);
  local.final_softcap = static_cast<float>(*final);
  return local;
}

struct Layer {
  std::vector<float> attention_norm, after_attention, mlp_norm, after_mlp;
  AttentionBlock attention;
  GatedMlp mlp;
};

class Gemma3 final : public Graph {
 public:
  static Expected<std::unique_ptr<Graph>> load(const WeightSource& source, const Hyper& h, const Local& local,
                                               ModelInfo info, const LoadOptions& options) {
    auto graph = std::make_unique<Gemma3>();
    TensorLoader loader{source, options};
    graph->eps_ = h.norm_eps;
    graph->embedding_scale_ = std::sqrt(static_cast<float>(h.d_model));
    graph->final_softcap_ = local.final_softcap;
    graph->global_rope_ = std::make_unique<kernels::RopeTable>(h.rope_dims, h.rope_base, h.rope_scale,
                                                               std::span<const float>{}, kernels::RopePairs::halves);
    graph->local_rope_ = std::make_unique<kernels::RopeTable>(h.rope_dims, local.rope_base, 1.0,
                                                              std::span<const float>{}, kernels::RopePairs::halves);
    for (std::size_t i = 0; i < h.layers; ++i) {
      const bool windowed = local.window > 0 && (i + 1) % local.pattern != 0;
      const auto norm = [&](std::string_view part, std::size_t count) {
        return loader.vector(fmt::format("blk.{}.{}.weight", i, part), count);
      };
      Layer layer{norm("attn_norm", h.d_model),
                  norm("post_attention_norm", h.d_model),
                  norm("ffn_norm", h.d_model),
                  norm("post_ffw_norm", h.d_model),
                  load_attention(loader, h, i, windowed ? graph->local_rope_.get() : graph->global_rope_.get()),
                  load_gated_mlp(loader, h, i, GateActivation::gelu_tanh)};
      layer.attention.q_norm = norm("attn_q_norm", h.head_dim);
      layer.attention.k_norm = norm("attn_k_norm", h.head_dim);
      layer.attention.window = windowed ? local.window : 0;
      layer.attention.params.softcap = local.attention_softcap;
      graph->layers_.push_back(std::move(layer));
    }
    graph->head_ = load_output_head(loader, h);
    graph->tokens_.load(loader, h, graph->head_);
    if (auto ok = loader.status(h.architecture); !ok) return tl::make_unexpected(std::move(ok.error()));
    info.resident_bytes = loader.resident_bytes();
    info.parameters = loader.parameters();
    graph->info_ = std::move(info);
    return std::unique_ptr<Graph>{std::move(graph)};
  }

  const ModelInfo& info() const noexcept override { return info_; }
  void embed(const Pass& pass, View2<float> hidden) const override { tokens_.embed(pass, hidden, embedding_scale_); }

  std::vector<ExpertGroup> layer(const Pass& pass, std::size_t index, std::size_t, View2<float> hidden) const override {
    const Layer& layer = layers_[index];
    const View2<float> normed = pass.scratch(hidden.rows, hidden.cols), out = pass.scratch(hidden.rows, hidden.cols);
    kernels::rms_norm(pass.ex, hidden, layer.attention_norm, eps_, normed);
    layer.attention.apply(pass, normed, out);
    kernels::rms_norm(pass.ex, out, layer.after_attention, eps_, out);
    kernels::add(pass.ex, hidden, out, hidden);
    kernels::rms_norm(pass.ex, hidden, layer.mlp_norm, eps_, normed);
    layer.mlp.apply(pass, normed, out);
    kernels::rms_norm(pass.ex, out, layer.after_mlp, eps_, out);
    kernels::add(pass.ex, hidden, out, hidden);
    return {};
  }

  void final_norm(kernels::Exec& ex, View2<float> hidden) const override {
    kernels::rms_norm(ex, hidden, head_.norm, eps_, hidden);
  }
  void head(kernels::Exec& ex, const kernels::Activations& hidden, View2<float> logits) const override {
    head_.logits->apply(ex, hidden, logits);
    if (final_softcap_ > 0) kernels::softcap(ex, logits, final_softcap_);
  }

 private:
  ModelInfo info_;
  float eps_ = 0, embedding_scale_ = 1, final_softcap_ = 0;
  TokenTable tokens_;
  std::unique_ptr<kernels::RopeTable> global_rope_, local_rope_;
  std::vector<Layer> layers_;
  OutputHead head_;
};

}  // namespace

Expected<std::unique_ptr<Graph>> load_gemma3(const WeightSource& source, const LoadOptions& options) {
  auto hyper = read_hyper(source, "gemma3");
  if (!hyper) return tl::make_unexpected(std::move(hyper.error()));
  auto local = read_local(source);
  if (!local) return tl::make_unexpected(std::move(local.error()));
  if (hyper->layers == kBlocksOf27B)
    hyper->attention_scale = 1.0F / std::sqrt(static_cast<float>(hyper->d_model) / static_cast<float>(hyper->heads));
  auto info = describe(source, *hyper, options);
  if (!info) return tl::make_unexpected(std::move(info.error()));
  return Gemma3::load(source, *hyper, *local, std::move(*info), options);
}

}  // namespace zenith::models
