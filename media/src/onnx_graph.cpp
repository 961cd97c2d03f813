#include "onnx_graph.hpp"

#include <map>
#include <openvino/openvino.hpp>

namespace zenith::media {
namespace {

/// OpenVINO keeps what it has prepared for each shape, 5000 kernels unless told: after lines of 80 widths that is 474
/// MB of the process, and more with every further one; with this many 269 MB.
constexpr int kPreparedKernels = 300;

class Compiled final : public OnnxGraph {
 public:
  Compiled(const std::filesystem::path& onnx, const std::filesystem::path& cache) {
    ov::Core core;
    // One thread: text has the other cores. Dynamic shapes: lines are of any length.
    ov::AnyMap how{ov::inference_num_threads(1), ov::num_streams(1), ov::hint::enable_cpu_pinning(false),
                   ov::hint::inference_precision(ov::element::f32)};
    how.insert({"CPU_RUNTIME_CACHE_CAPACITY", kPreparedKernels});
    if (!cache.empty()) how.insert(ov::cache_dir(cache.string()));
    const auto model = core.read_model(onnx.string());
    if (model->has_rt_info("framework")) {
      for (const auto& [key, value] : model->get_rt_info<ov::AnyMap>("framework")) {
        if (value.is<std::string>()) metadata_[key] = value.as<std::string>();
      }
    }
    compiled_ = core.compile_model(model, "CPU", how);
    if (compiled_.inputs().size() != 1 || compiled_.outputs().size() != 1 ||
        compiled_.input().get_element_type() != ov::element::f32 ||
        compiled_.output().get_element_type() != ov::element::f32) {
      throw std::runtime_error("it is no graph of one f32 input and one f32 output");
    }
    request_ = compiled_.create_infer_request();
  }

  const std::string& metadata(const std::string& key) const override {
    static const std::string none;
    const auto at = metadata_.find(key);
    return at == metadata_.end() ? none : at->second;
  }

  Status run(const Batch& input, const Take& take) override {
    try {
      // The request only reads it.
      const ov::Tensor tensor(ov::element::f32, ov::Shape(input.shape), const_cast<float*>(input.values.data()));
      request_.set_input_tensor(tensor);
      request_.infer();
      const ov::Tensor output = request_.get_output_tensor();
      return take(output.get_shape(), {output.data<const float>(), output.get_size()});
    } catch (const std::exception& e) {
      return fail(Errc::internal, std::string{"a graph failed: "} + e.what());
    }
  }

 private:
  ov::CompiledModel compiled_;
  ov::InferRequest request_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace

Expected<std::unique_ptr<OnnxGraph>> OnnxGraph::load(const std::filesystem::path& onnx,
                                                     const std::filesystem::path& cache) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(onnx, error)) {
    return fail(Errc::not_found, "there is no file " + onnx.string(), "model");
  }
  try {
    return std::make_unique<Compiled>(onnx, cache);
  } catch (const std::exception& e) {
    return fail(Errc::bad_file, "the graph " + onnx.string() + " cannot be run: " + e.what(), "model");
  }
}

}  // namespace zenith::media
