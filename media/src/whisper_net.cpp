#include "whisper_net.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "mel.hpp"
#include "whisper_graph.hpp"

namespace zenith::media {
namespace {

ov::CompiledModel compile(ov::Core& core, const std::shared_ptr<ov::Model>& graph, const std::filesystem::path& cache,
                          const ov::AnyMap& more = {}) {
  ov::AnyMap how{ov::inference_num_threads(1), ov::num_streams(1), ov::hint::enable_cpu_pinning(false),
                 ov::hint::inference_precision(ov::element::f32)};
  if (!cache.empty()) how.insert(ov::cache_dir(cache.string()));
  how.insert(more.begin(), more.end());
  return core.compile_model(graph, "CPU", how);
}

class OpenVinoNet final : public WhisperNet {
 public:
  OpenVinoNet(const WhisperSizes& sizes, ov::CompiledModel encoder, ov::CompiledModel decoder)
      : sizes_(sizes), encoder_(encoder.create_infer_request()), decoder_(decoder.create_infer_request()) {
    for (std::size_t i = 0; i < sizes_.decoder_layers; ++i) {
      // Two places a layer, taken in turn: what a step reads is not what it writes.
      const ov::Shape most{2, sizes_.heads, sizes_.context, sizes_.state / sizes_.heads};
      own_.push_back({ov::Tensor(ov::element::f32, most), ov::Tensor(ov::element::f32, most)});
    }
  }

  Status encode(std::span<const float> mel, WhisperWindow window) override {
    try {
      const std::size_t size = window.places.size();
      if (size == 0 || window.weights.size() != size || mel.size() != kMelBands * window.frames())
        return fail(Errc::internal, "whisper's window has another size than its sound");
      window_ = std::move(window);
      encoder_.set_tensor("mel", {ov::element::f32, {1, kMelBands, window_.frames()}, const_cast<float*>(mel.data())});
      encoder_.set_tensor("places", {ov::element::i64, {size}, window_.places.data()});
      const ov::Tensor weights(ov::element::f32, {1, 1, 1, size}, window_.weights.data());
      encoder_.set_tensor("weights", weights);
      encoder_.infer();
      decoder_.set_tensor("weights", weights);
      for (std::size_t i = 0; i < sizes_.decoder_layers; ++i) {
        for (const char* name : {"key", "value"}) {
          const auto tensor = encoder_.get_tensor(fmt::format("{}.{}", name, i));
          decoder_.set_tensor(fmt::format("{}.{}", name, i), tensor);
        }
      }
      restart();
      return {};
    } catch (const std::exception& e) {
      return fail(Errc::internal, std::string{"whisper's encoder failed: "} + e.what());
    }
  }

  std::span<const float> encoded() const override {
    auto tensor = const_cast<ov::InferRequest&>(encoder_).get_tensor("encoded");
    return {tensor.data<const float>(), tensor.get_size()};
  }

  void restart() override { used_ = 0; }

  Expected<std::span<const float>> step(std::span<const TokenId> tokens, std::span<const std::size_t> rows) override {
    try {
      if (tokens.empty() || used_ + tokens.size() > sizes_.context) {
        return fail(Errc::internal, "whisper's decoder has no room for the tokens");
      }
      std::vector<std::int64_t> ids(tokens.begin(), tokens.end()), wanted(rows.begin(), rows.end());
      auto position = static_cast<std::int64_t>(used_);
      decoder_.set_tensor("tokens", {ov::element::i64, {1, ids.size()}, ids.data()});
      decoder_.set_tensor("position", {ov::element::i64, {1}, &position});
      decoder_.set_tensor("rows", {ov::element::i64, {wanted.size()}, wanted.data()});
      const auto shape = [&](std::size_t length) {
        return ov::Shape{2, sizes_.heads, length, sizes_.state / sizes_.heads};
      };
      for (std::size_t i = 0; i < own_.size(); ++i) {
        auto& [from, to] = own_[i];
        decoder_.set_tensor(fmt::format("past.{}", i), {ov::element::f32, shape(used_), from.data<float>()});
        decoder_.set_tensor(fmt::format("present.{}", i),
                            {ov::element::f32, shape(used_ + ids.size()), to.data<float>()});
      }
      decoder_.infer();
      for (auto& [from, to] : own_) std::swap(from, to);
      used_ += ids.size();
      logits_ = decoder_.get_tensor("logits");
      return std::span<const float>{logits_.data<const float>(), logits_.get_size()};
    } catch (const std::exception& e) {
      return fail(Errc::internal, std::string{"whisper's decoder failed: "} + e.what());
    }
  }

  std::size_t vocabulary() const noexcept override { return sizes_.vocabulary; }
  std::size_t context() const noexcept override { return sizes_.context; }

 private:
  WhisperSizes sizes_;
  ov::InferRequest encoder_, decoder_;
  WhisperWindow window_;                        ///< both requests read it
  std::vector<std::array<ov::Tensor, 2>> own_;  ///< keys and values of the decoder's own tokens, by layer
  ov::Tensor logits_;
  std::size_t used_ = 0;
};

}  // namespace

Expected<std::unique_ptr<WhisperNet>> WhisperNet::load(const Ct2Model& model, const std::filesystem::path& cache) {
  auto sizes = whisper_sizes(model);
  if (!sizes) return tl::make_unexpected(sizes.error());
  try {
    ov::Core core;
    auto graph = encoder_graph(model, *sizes);
    if (!graph) return tl::make_unexpected(graph.error());
    auto encoder = compile(core, *graph, cache);
    graph = decoder_graph(model, *sizes);
    if (!graph) return tl::make_unexpected(graph.error());
    // Fused attention packs the window's keys and values anew for each token: 25 ms a token instead of 15.
    auto decoder = compile(core, *graph, cache, {{"SNIPPETS_MODE", std::string{"DISABLE"}}});
    return std::make_unique<OpenVinoNet>(*sizes, std::move(encoder), std::move(decoder));
  } catch (const std::exception& e) {
    return fail(Errc::bad_file, std::string{"model.bin: its graphs cannot be compiled: "} + e.what(), "model");
  }
}

}  // namespace zenith::media
