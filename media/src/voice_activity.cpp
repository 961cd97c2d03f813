#include "zenith/media/voice_activity.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <openvino/openvino.hpp>
#include <string>

namespace zenith::media {
namespace {

constexpr std::size_t kContext = 64, kState = 2 * 128;  // samples before the window; numbers

class SileroStream final : public VoiceActivity {
 public:
  explicit SileroStream(ov::CompiledModel& model) : request_(model.create_infer_request()) { reset(); }

  Expected<float> next(std::span<const float> window) override {
    if (window.size() != kActivityWindow) return fail(Errc::internal, "a window of speech has 512 samples");
    std::copy(window.begin(), window.end(), input_.begin() + kContext);
    try {
      request_.set_tensor("input", {ov::element::f32, {1, input_.size()}, input_.data()});
      request_.set_tensor("state", {ov::element::f32, {2, 1, kState / 2}, state_.data()});
      request_.infer();
      const auto score = request_.get_output_tensor(0), state = request_.get_output_tensor(1);
      if (score.get_size() != 1 || state.get_size() != kState) return fail(Errc::internal, "silero's outputs changed");
      std::copy_n(state.data<const float>(), kState, state_.begin());
      std::copy(input_.end() - kContext, input_.end(), input_.begin());
      return *score.data<const float>();
    } catch (const std::exception& e) {
      return fail(Errc::internal, std::string{"the voice activity network failed: "} + e.what());
    }
  }

  void reset() override {
    input_.fill(0);
    state_.fill(0);
  }

 private:
  ov::InferRequest request_;
  std::array<float, kContext + kActivityWindow> input_{};
  std::array<float, kState> state_{};
};

class Silero final : public VoiceActivityModel {
 public:
  Silero(const std::filesystem::path& onnx, const std::filesystem::path& cache) {
    ov::Core core;
    auto model = core.read_model(onnx.string());
    const std::map<std::string, ov::PartialShape> shapes{{"input", ov::PartialShape{1, kContext + kActivityWindow}},
                                                         {"state", ov::PartialShape{2, 1, kState / 2}}};
    model->reshape(shapes);
    ov::AnyMap how{ov::inference_num_threads(1), ov::num_streams(1), ov::hint::enable_cpu_pinning(false),
                   ov::hint::inference_precision(ov::element::f32)};
    if (!cache.empty()) how.insert(ov::cache_dir(cache.string()));
    model_ = core.compile_model(model, "CPU", how);
    if (model_.inputs().size() != 2 || model_.outputs().size() != 2) throw std::runtime_error("it has other inputs");
    const std::array<float, kActivityWindow> silence{};
    if (auto tried = stream()->next(silence); !tried) throw std::runtime_error(tried.error().message);
  }
  std::unique_ptr<VoiceActivity> stream() override { return std::make_unique<SileroStream>(model_); }

 private:
  ov::CompiledModel model_;
};

}  // namespace

Expected<std::unique_ptr<VoiceActivityModel>> VoiceActivityModel::load(const std::filesystem::path& onnx,
                                                                       const std::filesystem::path& cache) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(onnx, error)) {
    return fail(Errc::not_found, "there is no file " + onnx.string(), "model");
  }
  try {
    return std::make_unique<Silero>(onnx, cache);
  } catch (const std::exception& e) {
    return fail(Errc::bad_file, "the voice activity graph " + onnx.string() + " cannot be run: " + e.what(), "model");
  }
}

}  // namespace zenith::media
