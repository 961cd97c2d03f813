#include "arch/blocks/decoder.hpp"

#include <fmt/format.h>

#include "arch/blocks/attention_block.hpp"
#include "arch/blocks/gated_mlp.hpp"
#include "arch/blocks/vocabulary.hpp"
#include "zenith/kernels/norm.hpp"

namespace zenith::models {
namespace {

struct Layer {
  std::vector<float> attention_norm, mlp_norm;
  AttentionBlock attention;
  GatedMlp mlp;
};

class Decoder final : public Graph {
 public:
  static Expected<std::unique_ptr<Graph>> load(const WeightSource& source, const Hyper& h, ModelInfo info,
                                               const LoadOptions& options, const DecoderTraits& traits) {
    auto graph = std::make_unique<Decoder>();
    TensorLoader loader{source, options};
    graph->eps_ = h.norm_eps;
    std::vector<float> factors;
    if (loader.has("rope_freqs.weight")) factors = loader.vector("rope_freqs.weight", h.rope_dims / 2);
    graph->rope_ = std::make_unique<kernels::RopeTable>(h.rope_dims, h.rope_base, h.rope_scale, factors, traits.pairs);
    for (std::size_t i = 0; i < h.layers; ++i) {
      const auto norm = [&](std::string_view part, std::size_t count) {
        return loader.vector(fmt::format("blk.{}.{}.weight", i, part), count);
      };
      Layer layer{norm("attn_norm", h.d_model), norm("ffn_norm", h.d_model),
                  load_attention(loader, h, i, graph->rope_.get()), load_gated_mlp(loader, h, i, GateActivation::silu)};
      if (traits.query_key_norm) {
        layer.attention.q_norm = norm("attn_q_norm", h.head_dim);
        layer.attention.k_norm = norm("attn_k_norm", h.head_dim);
      }
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
  void embed(const Pass& pass, View2<float> hidden) const override { tokens_.embed(pass, hidden, 1.0F); }

  std::vector<ExpertGroup> layer(const Pass& pass, std::size_t index, std::size_t, View2<float> hidden) const override {
    const Layer& layer = layers_[index];
    const View2<float> normed = pass.scratch(hidden.rows, hidden.cols);
    kernels::rms_norm(pass.ex, hidden, layer.attention_norm, eps_, normed);
    layer.attention.apply_add(pass, normed, hidden);
    kernels::rms_norm(pass.ex, hidden, layer.mlp_norm, eps_, normed);
    layer.mlp.apply_add(pass, normed, hidden);
    return {};
  }

  void final_norm(kernels::Exec& ex, View2<float> hidden) const override {
    kernels::rms_norm(ex, hidden, head_.norm, eps_, hidden);
  }
  void head(kernels::Exec& ex, const kernels::Activations& hidden, View2<float> logits) const override {
    head_.logits->apply(ex, hidden, logits);
  }

 private:
  ModelInfo info_;
  float eps_ = 0;
  TokenTable tokens_;
  std::unique_ptr<kernels::RopeTable> rope_;
  std::vector<Layer> layers_;
  OutputHead head_;
};

}  // namespace

Expected<std::unique_ptr<Graph>> load_decoder(const WeightSource& source, std::string_view architecture,
                                              const LoadOptions& options, const DecoderTraits& traits) {
  auto hyper = read_hyper(source, architecture);
  if (!hyper) return tl::make_unexpected(std::move(hyper.error()));
  auto info = describe(source, *hyper, options);
  if (!info) return tl::make_unexpected(std::move(info.error()));
  return Decoder::load(source, *hyper, std::move(*info), options, traits);
}

}  // namespace zenith::models
