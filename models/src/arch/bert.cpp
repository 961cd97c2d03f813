// BERT encoders for embeddings: post-norm layers over learned absolute positions, every row sees its whole sequence.
// Source: arXiv:1810.04805; tensors as transformers' BertModel names them, metadata as engine/bert_folder.cpp derives
// it from config.json.
#include <fmt/format.h>

#include "arch/blocks/attention_block.hpp"
#include "arch/blocks/vocabulary.hpp"
#include "arch/registry.hpp"
#include "zenith/kernels/elementwise.hpp"
#include "zenith/kernels/norm.hpp"

namespace zenith::models {
namespace {

struct LayerNorm {
  std::vector<float> weight, bias;
  void apply(kernels::Exec& ex, float eps, View2<float> x) const { kernels::layer_norm(ex, x, weight, bias, eps, x); }
};

struct Layer {
  AttentionBlock attention;
  std::optional<kernels::Linear> up, down;
  LayerNorm after_attention, after_mlp;
};

class Bert final : public Graph {
 public:
  static Expected<std::unique_ptr<Graph>> load(const WeightSource& source, const Hyper& h, ModelInfo info,
                                               const LoadOptions& options);

  const ModelInfo& info() const noexcept override { return info_; }

  Status accepts(const Row& row) const override {
    if (row.mask == MaskKind::span) return {};
    return fail(Errc::invalid_argument, "every row of an encoder sees its whole sequence: MaskKind::span is needed",
                "rows");
  }

  void embed(const Pass& pass, View2<float> hidden) const override {
    tokens_.embed(pass, hidden, 1.0F);
    std::vector<float> place(hidden.cols);
    for (std::size_t i = 0; i < hidden.rows; ++i) {
      positions_.row(static_cast<std::size_t>(pass.positions[i]), place);
      float* x = hidden.row(i);
      for (std::size_t c = 0; c < hidden.cols; ++c) x[c] += place[c] + first_type_[c];
    }
    embedding_norm_.apply(pass.ex, eps_, hidden);
  }

  std::vector<ExpertGroup> layer(const Pass& pass, std::size_t index, std::size_t, View2<float> hidden) const override {
    const Layer& layer = layers_[index];
    // The rows are read before the residual is written: attend() has finished with them.
    layer.attention.apply_add(pass, hidden, hidden);
    layer.after_attention.apply(pass.ex, eps_, hidden);
    const View2<float> inner = pass.scratch(hidden.rows, layer.up->n_out());
    layer.up->apply(pass.ex, kernels::Activations{pass.ex, hidden, pass.meta}, inner);
    kernels::gelu_erf(pass.ex, inner);
    layer.down->apply_add(pass.ex, kernels::Activations{pass.ex, inner, pass.meta}, hidden);
    layer.after_mlp.apply(pass.ex, eps_, hidden);
    return {};
  }

  void final_norm(kernels::Exec&, View2<float>) const override {}  // the last layer ends in a norm
  void head(kernels::Exec&, const kernels::Activations&, View2<float>) const override {}

 private:
  ModelInfo info_;
  float eps_ = 0;
  TokenTable tokens_, positions_;
  std::vector<float> first_type_;  // token type 0: single texts
  LayerNorm embedding_norm_;
  std::vector<Layer> layers_;
};

Expected<std::unique_ptr<Graph>> Bert::load(const WeightSource& source, const Hyper& h, ModelInfo info,
                                            const LoadOptions& options) {
  auto graph = std::make_unique<Bert>();
  TensorLoader loader{source, options};
  const std::string root = loader.has("bert.embeddings.word_embeddings.weight") ? "bert." : "";
  const auto norm = [&](const std::string& name) {
    return LayerNorm{loader.vector(name + ".weight", h.d_model), loader.vector(name + ".bias", h.d_model)};
  };
  const auto dense = [&](const std::string& name, std::size_t n_out, std::size_t n_in) {
    return loader.linear(name + ".weight", n_out, n_in, name + ".bias");
  };

  graph->eps_ = h.norm_eps;
  graph->tokens_.load(loader, root + "embeddings.word_embeddings.weight", h.vocab, h.d_model);
  graph->positions_.load(loader, root + "embeddings.position_embeddings.weight", h.context, h.d_model);
  const TensorView* types = source.find(root + "embeddings.token_type_embeddings.weight");
  TokenTable type_table;
  type_table.load(loader, root + "embeddings.token_type_embeddings.weight",
                  types != nullptr && !types->shape.empty() ? types->shape[0] : 2, h.d_model);
  graph->embedding_norm_ = norm(root + "embeddings.LayerNorm");
  for (std::size_t i = 0; i < h.layers; ++i) {
    const std::string prefix = fmt::format("{}encoder.layer.{}.", root, i);
    Layer layer;
    AttentionBlock& a = layer.attention;
    a.q = dense(prefix + "attention.self.query", h.d_model, h.d_model);
    a.k = dense(prefix + "attention.self.key", h.d_model, h.d_model);
    a.v = dense(prefix + "attention.self.value", h.d_model, h.d_model);
    a.o = dense(prefix + "attention.output.dense", h.d_model, h.d_model);
    a.heads = a.kv_heads = h.heads;
    a.head_dim = h.head_dim;
    a.params = {h.heads, h.attention_scale, 0.0F};
    layer.after_attention = norm(prefix + "attention.output.LayerNorm");
    layer.up = dense(prefix + "intermediate.dense", h.ffn, h.d_model);
    layer.down = dense(prefix + "output.dense", h.d_model, h.ffn);
    layer.after_mlp = norm(prefix + "output.LayerNorm");
    graph->layers_.push_back(std::move(layer));
  }
  // The pooler and the position numbers serve other tasks.
  for (const char* unused : {"embeddings.position_ids", "pooler.dense.weight", "pooler.dense.bias"})
    loader.ignore(root + unused);
  if (auto ok = loader.status(h.architecture); !ok) return tl::make_unexpected(std::move(ok.error()));
  graph->first_type_.resize(h.d_model);
  type_table.row(0, graph->first_type_);
  info.kind = ModelKind::embed;
  info.resident_bytes = loader.resident_bytes();
  info.parameters = loader.parameters();
  graph->info_ = std::move(info);
  return std::unique_ptr<Graph>{std::move(graph)};
}

}  // namespace

Expected<std::unique_ptr<Graph>> load_bert(const WeightSource& source, const LoadOptions& options) {
  auto hyper = read_hyper(source, "bert");
  if (!hyper) return tl::make_unexpected(std::move(hyper.error()));
  auto vocab = meta_int(source, "bert.vocab_size");
  auto pooling = meta_string(source, "bert.pooling");
  if (!vocab) return tl::make_unexpected(std::move(vocab.error()));
  if (!pooling) return tl::make_unexpected(std::move(pooling.error()));
  if (*vocab < 1 || *vocab > (1 << 24))
    return fail(Errc::bad_file, fmt::format("vocab_size is {}", *vocab), "vocab_size");
  if (hyper->heads * hyper->head_dim != hyper->d_model || hyper->kv_heads != hyper->heads) {
    return fail(Errc::bad_file, fmt::format("{} heads do not divide a hidden size of {}", hyper->heads, hyper->d_model),
                "num_attention_heads");
  }
  hyper->vocab = static_cast<std::size_t>(*vocab);
  auto info = describe(source, *hyper, options);
  if (!info) return tl::make_unexpected(std::move(info.error()));
  info->pooling = *pooling == "cls" ? Pooling::cls : Pooling::mean;
  return Bert::load(source, *hyper, std::move(*info), options);
}

}  // namespace zenith::models
