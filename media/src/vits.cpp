#include "vits.hpp"

#include <algorithm>
#include <openvino/openvino.hpp>
#include <string>

#include "vits_graph.hpp"

namespace zenith::media {
namespace {

constexpr std::size_t kSeen = 16;       // frames beside its own that the decoder's sound depends on
constexpr std::size_t kFlowSeen = 32;   // the same of the flow
constexpr std::size_t kStep = 32;       // sizes of windows and of sentences are multiples
constexpr std::size_t kFirst = 64;      // frames of the first window: 0.7 s
constexpr std::size_t kUsualIds = 128;  // of ten words
constexpr std::size_t kLargest = 448;   // 5.2 s

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
  /// @param step the graph gets a multiple of so many ids: OpenVINO prepares itself for each new number. Those behind
  /// the sentence are masked, for the graph is told how many there are; 1 for one that may not care.
  ov::Tensor run(std::span<const std::int64_t> ids, const VitsScales& scales, std::size_t step) {
    std::array<float, 3> three{scales.noise, scales.length, scales.noise_w};
    std::array<std::int64_t, 1> length{static_cast<std::int64_t>(ids.size())};
    const std::size_t size = (ids.size() + step - 1) / step * step;
    ov::Tensor input(ov::element::i64, {1, size});
    std::fill(std::copy(ids.begin(), ids.end(), input.data<std::int64_t>()), input.data<std::int64_t>() + size, 0);
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
      const ov::Tensor output = sentence_.run(ids, scales, 1);
      take({output.data<const float>(), output.get_size()});
      return {};
    } catch (const std::exception& e) {
      return failed(e);
    }
  }

 private:
  Sentence sentence_;
};

/// Frames to frames or to samples.
class Stretch {
 public:
  Stretch(const std::shared_ptr<ov::Model>& model, const std::filesystem::path& cache)
      : compiled_(compile(model, cache)), request_(compiled_.create_infer_request()) {
    channels_ = static_cast<std::size_t>(compiled_.input().get_partial_shape()[1].get_length());
  }
  std::size_t channels() const noexcept { return channels_; }
  /// @param all f32 [channels, frames]. @returns what comes of `count` frames from `first` on, valid until the next
  /// call.
  std::span<const float> run(std::span<const float> all, std::size_t first, std::size_t count) {
    const std::size_t frames = all.size() / channels_;
    ov::Tensor in(ov::element::f32, {1, channels_, count});
    for (std::size_t c = 0; c < channels_; ++c) {
      std::copy_n(all.begin() + static_cast<std::ptrdiff_t>(c * frames + first), count, in.data<float>() + c * count);
    }
    request_.set_input_tensor(in);
    request_.infer();
    const ov::Tensor out = request_.get_output_tensor();
    return {out.data<const float>(), out.get_size()};
  }

 private:
  ov::CompiledModel compiled_;
  ov::InferRequest request_;
  std::size_t channels_ = 0;
};

class PartedGraph final : public Vits {
 public:
  PartedGraph(const VitsParts& parts, const std::filesystem::path& cache)
      : plan_(parts.plan, cache), flow_(parts.flow, cache), sound_(parts.sound, cache) {
    // Also prepares what a first sentence would wait for.
    const std::vector<float> nothing(flow_.channels() * (kFirst + kFlowSeen));
    if (flow_.run(nothing, 0, kFirst + kFlowSeen).size() != nothing.size())
      throw std::runtime_error("its flow changes the number of frames");
    const std::size_t samples = sound_.run(nothing, 0, kFirst).size();
    if (samples == 0 || samples % kFirst != 0) throw std::runtime_error("its frames are of no fixed length");
    hop_ = samples / kFirst;
    static_cast<void>(plan_.run(std::vector<std::int64_t>(kUsualIds), {}, kStep));
  }

  Status run(std::span<const std::int64_t> ids, const VitsScales& scales,
             const std::function<bool(std::span<const float>)>& take) override {
    try {
      const ov::Tensor planned = plan_.run(ids, scales, kStep);
      const std::span<const float> drawn{planned.data<const float>(), planned.get_size()};
      const std::size_t frames = drawn.size() / flow_.channels();
      std::vector<float> flowed(drawn.size());
      std::size_t done = 0;
      for (const FrameWindow& window : decode_windows(frames)) {
        flow(drawn, flowed, done, window.first + window.frames);
        const auto samples = sound_.run(flowed, window.first, window.frames);
        if (!take(samples.subspan(window.skip * hop_, window.keep * hop_))) return {};
      }
      return {};
    } catch (const std::exception& e) {
      return failed(e);
    }
  }

 private:
  /// Frames from `done` on, which moves on to `until`.
  void flow(std::span<const float> drawn, std::span<float> flowed, std::size_t& done, std::size_t until) {
    const std::size_t frames = drawn.size() / flow_.channels();
    const FrameWindow window = flow_window(done, until, frames);
    const auto out = flow_.run(drawn, window.first, window.frames);
    for (std::size_t c = 0; c < flow_.channels(); ++c) {
      std::copy_n(out.begin() + static_cast<std::ptrdiff_t>(c * window.frames + window.skip), window.keep,
                  flowed.begin() + static_cast<std::ptrdiff_t>(c * frames + done));
    }
    done += window.keep;
  }

  Sentence plan_;
  Stretch flow_, sound_;
  std::size_t hop_ = 0;
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

FrameWindow flow_window(std::size_t done, std::size_t until, std::size_t frames) {
  std::size_t end = std::min(frames, until + kFlowSeen), first = done - std::min(done, kFlowSeen);
  const std::size_t size = (end - first + kStep - 1) / kStep * kStep;
  if (size <= end) {
    first = end - size;
  } else {
    end = std::min(frames, first + size);
  }
  return {first, end - first, done - first, until - done};
}

Expected<std::unique_ptr<Vits>> Vits::load(const std::filesystem::path& onnx, const std::filesystem::path& cache) {
  return loaded(onnx, [&]() -> std::unique_ptr<Vits> {
    if (const auto parts = part_vits(onnx)) return std::make_unique<PartedGraph>(*parts, cache);
    return std::make_unique<WholeGraph>(onnx, cache);
  });
}

Expected<std::unique_ptr<Vits>> Vits::load_whole(const std::filesystem::path& onnx,
                                                 const std::filesystem::path& cache) {
  return loaded(onnx, [&]() -> std::unique_ptr<Vits> { return std::make_unique<WholeGraph>(onnx, cache); });
}

}  // namespace zenith::media
