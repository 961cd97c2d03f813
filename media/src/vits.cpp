#include "vits.hpp"

#include <algorithm>
#include <openvino/openvino.hpp>
#include <openvino/opsets/opset13.hpp>
#include <optional>
#include <string>

namespace zenith::media {
namespace {

constexpr std::size_t kSeen = 16;                   // frames beside its own that the decoder's sound depends on
constexpr std::size_t kStep = 16;                   // sizes of windows are multiples
constexpr std::size_t kFirst = 64;                  // frames of the first window: 0.7 s
constexpr std::size_t kLargest = 320;               // 3.7 s
constexpr const char* kFrames = "/Mul_7_output_0";  // f32 [1, channels, frames], what the exporter calls the cut

ov::CompiledModel compile(const std::shared_ptr<ov::Model>& model, const std::filesystem::path& cache) {
  // One thread: several requests take turns, and text has the other cores.
  ov::AnyMap how{ov::inference_num_threads(1), ov::num_streams(1), ov::hint::enable_cpu_pinning(false),
                 ov::hint::inference_precision(ov::element::f32)};
  if (!cache.empty()) how.insert(ov::cache_dir(cache.string()));
  return ov::Core{}.compile_model(model, "CPU", how);
}

/// Ids to samples, or to the frames that they are made from.
class Sentence {
 public:
  Sentence(const std::shared_ptr<ov::Model>& model, const std::filesystem::path& cache)
      : compiled_(compile(model, cache)) {
    for (const char* name : {"input", "input_lengths", "scales"}) static_cast<void>(compiled_.input(name));
    if (compiled_.inputs().size() != 3 || compiled_.outputs().size() != 1) {
      throw std::runtime_error("it is no Piper graph of one speaker");
    }
    request_ = compiled_.create_infer_request();
  }
  ov::Tensor run(std::span<const std::int64_t> ids, const VitsScales& scales) {
    std::array<float, 3> three{scales.noise, scales.length, scales.noise_w};
    std::array<std::int64_t, 1> length{static_cast<std::int64_t>(ids.size())};
    ov::Tensor input(ov::element::i64, {1, ids.size()});
    std::copy(ids.begin(), ids.end(), input.data<std::int64_t>());
    request_.set_tensor("input", input);
    request_.set_tensor("input_lengths", ov::Tensor(ov::element::i64, {1}, length.data()));
    request_.set_tensor("scales", ov::Tensor(ov::element::f32, {3}, three.data()));
    request_.infer();
    return request_.get_output_tensor();
  }

 private:
  ov::CompiledModel compiled_;
  ov::InferRequest request_;
};

Status failed(const std::exception& e) {
  return fail(Errc::internal, std::string{"the voice's graph failed: "} + e.what());
}

class WholeGraph final : public Vits {
 public:
  WholeGraph(const std::filesystem::path& onnx, const std::filesystem::path& cache)
      : sentence_(ov::Core{}.read_model(onnx.string()), cache) {}
  Status run(std::span<const std::int64_t> ids, const VitsScales& scales,
             const std::function<bool(std::span<const float>)>& take) override {
    try {
      const ov::Tensor output = sentence_.run(ids, scales);
      take({output.data<const float>(), output.get_size()});
      return {};
    } catch (const std::exception& e) {
      return failed(e);
    }
  }

 private:
  Sentence sentence_;
};

struct Halves {
  std::shared_ptr<ov::Model> plan, sound;
};

/// @returns none when the graph has no such place or more than the frames crosses it.
std::optional<Halves> parted(const std::filesystem::path& onnx) {
  const auto model = ov::Core{}.read_model(onnx.string());
  ov::Output<ov::Node> cut;
  for (const auto& node : model->get_ordered_ops()) {
    for (const auto& output : node->outputs()) {
      if (output.get_names().contains(kFrames)) cut = output;
    }
  }
  if (cut.get_node() == nullptr || cut.get_element_type() != ov::element::f32 || model->outputs().size() != 1)
    return {};
  const auto shape = cut.get_partial_shape();
  if (shape.rank().is_dynamic() || shape.size() != 3 || shape[1].is_dynamic()) return {};
  const auto frames = std::make_shared<ov::opset13::Parameter>(ov::element::f32, ov::PartialShape{1, shape[1], -1});
  const auto readers = cut.get_target_inputs();
  const auto result = std::make_shared<ov::opset13::Result>(cut);
  for (auto reader : readers) reader.replace_source_output(frames);
  try {
    return Halves{std::make_shared<ov::Model>(ov::ResultVector{result}, model->get_parameters(), "piper-plan"),
                  std::make_shared<ov::Model>(model->get_results(), ov::ParameterVector{frames}, "piper-sound")};
  } catch (const ov::Exception&) {  // the sound needs an input of the graph, too
    return {};
  }
}

class PartedGraph final : public Vits {
 public:
  PartedGraph(const Halves& halves, const std::filesystem::path& cache)
      : plan_(halves.plan, cache), compiled_(compile(halves.sound, cache)), request_(compiled_.create_infer_request()) {
    channels_ = static_cast<std::size_t>(compiled_.input().get_partial_shape()[1].get_length());
    const std::vector<float> nothing(channels_ * kFirst);
    const std::size_t samples = decode(nothing, kFirst, {0, kFirst, 0, kFirst}).size();
    if (samples == 0 || samples % kFirst != 0) throw std::runtime_error("its frames are of no fixed length");
    hop_ = samples / kFirst;
  }

  Status run(std::span<const std::int64_t> ids, const VitsScales& scales,
             const std::function<bool(std::span<const float>)>& take) override {
    try {
      const ov::Tensor planned = plan_.run(ids, scales);
      const std::span<const float> all{planned.data<const float>(), planned.get_size()};
      const std::size_t frames = all.size() / channels_;
      for (const FrameWindow& window : decode_windows(frames)) {
        if (!take(decode(all, frames, window).subspan(window.skip * hop_, window.keep * hop_))) return {};
      }
      return {};
    } catch (const std::exception& e) {
      return failed(e);
    }
  }

 private:
  /// The whole window's sound, valid until the next call.
  std::span<const float> decode(std::span<const float> all, std::size_t frames, const FrameWindow& window) {
    ov::Tensor in(ov::element::f32, {1, channels_, window.frames});
    for (std::size_t c = 0; c < channels_; ++c) {
      std::copy_n(all.begin() + static_cast<std::ptrdiff_t>(c * frames + window.first), window.frames,
                  in.data<float>() + c * window.frames);
    }
    request_.set_input_tensor(in);
    request_.infer();
    const ov::Tensor out = request_.get_output_tensor();
    return {out.data<const float>(), out.get_size()};
  }

  Sentence plan_;
  ov::CompiledModel compiled_;
  ov::InferRequest request_;
  std::size_t channels_ = 0, hop_ = 0;
};

template <class Make>
Expected<std::unique_ptr<Vits>> loaded(const std::filesystem::path& onnx, Make make) {
  try {
    return make();
  } catch (const std::exception& e) {
    return fail(Errc::bad_file, "the graph " + onnx.string() + " cannot be run: " + e.what(), "model");
  }
}

}  // namespace

std::vector<FrameWindow> decode_windows(std::size_t frames) {
  if (frames == 0) return {};
  if (frames < kFirst) return {{0, frames, 0, frames}};
  if (frames == kFirst) return {{0, kFirst, 0, kFirst}};
  std::vector<FrameWindow> out{{0, kFirst, 0, kFirst - kSeen}};
  std::size_t done = kFirst - kSeen;
  while (frames - done + kSeen > kLargest) {
    const std::size_t keep = kLargest - 2 * kSeen;
    out.push_back({done - kSeen, kLargest, kSeen, keep});
    done += keep;
  }
  // The last one ends where the sentence ends and begins as early as its size wants.
  const std::size_t size = (frames - done + kSeen + kStep - 1) / kStep * kStep, first = frames - size;
  out.push_back({first, size, done - first, frames - done});
  return out;
}

Expected<std::unique_ptr<Vits>> Vits::load(const std::filesystem::path& onnx, const std::filesystem::path& cache) {
  return loaded(onnx, [&]() -> std::unique_ptr<Vits> {
    if (const auto halves = parted(onnx)) return std::make_unique<PartedGraph>(*halves, cache);
    return std::make_unique<WholeGraph>(onnx, cache);
  });
}

Expected<std::unique_ptr<Vits>> Vits::load_whole(const std::filesystem::path& onnx,
                                                 const std::filesystem::path& cache) {
  return loaded(onnx, [&]() -> std::unique_ptr<Vits> { return std::make_unique<WholeGraph>(onnx, cache); });
}

}  // namespace zenith::media
