#include "vits.hpp"

#include <algorithm>
#include <openvino/openvino.hpp>
#include <string>

namespace zenith::media {
namespace {

class WholeGraph final : public Vits {
 public:
  WholeGraph(const std::filesystem::path& onnx, const std::filesystem::path& cache) {
    ov::Core core;
    // One thread: several requests take turns, and text has the other cores.
    ov::AnyMap how{ov::inference_num_threads(1), ov::num_streams(1), ov::hint::enable_cpu_pinning(false),
                   ov::hint::inference_precision(ov::element::f32)};
    if (!cache.empty()) how.insert(ov::cache_dir(cache.string()));
    compiled_ = core.compile_model(onnx.string(), "CPU", how);
    for (const char* name : {"input", "input_lengths", "scales"}) static_cast<void>(compiled_.input(name));
    if (compiled_.inputs().size() != 3 || compiled_.outputs().size() != 1) {
      throw std::runtime_error("it is no Piper graph of one speaker");
    }
    request_ = compiled_.create_infer_request();
  }

  Status run(std::span<const std::int64_t> ids, const VitsScales& scales,
             const std::function<bool(std::span<const float>)>& take) override {
    try {
      std::array<float, 3> three{scales.noise, scales.length, scales.noise_w};
      std::array<std::int64_t, 1> length{static_cast<std::int64_t>(ids.size())};
      ov::Tensor input(ov::element::i64, {1, ids.size()});
      std::copy(ids.begin(), ids.end(), input.data<std::int64_t>());
      request_.set_tensor("input", input);
      request_.set_tensor("input_lengths", ov::Tensor(ov::element::i64, {1}, length.data()));
      request_.set_tensor("scales", ov::Tensor(ov::element::f32, {3}, three.data()));
      request_.infer();
      const ov::Tensor output = request_.get_output_tensor();
      take({output.data<const float>(), output.get_size()});
      return {};
    } catch (const std::exception& e) {
      return fail(Errc::internal, std::string{"the voice's graph failed: "} + e.what());
    }
  }

 private:
  ov::CompiledModel compiled_;
  ov::InferRequest request_;
};

}  // namespace

Expected<std::unique_ptr<Vits>> Vits::load(const std::filesystem::path& onnx, const std::filesystem::path& cache) {
  try {
    return std::make_unique<WholeGraph>(onnx, cache);
  } catch (const std::exception& e) {
    return fail(Errc::bad_file, "the graph " + onnx.string() + " cannot be run: " + e.what(), "model");
  }
}

}  // namespace zenith::media
