#include "vits_graph.hpp"

#include <openvino/opsets/opset13.hpp>
#include <string>

namespace zenith::media {
namespace {

namespace op = ov::opset13;
using Value = ov::Output<ov::Node>;

// What the exporter calls the places.
constexpr const char *kDrawn = "/Add_output_0", *kFrames = "/Mul_7_output_0", *kMask = "/Cast_2_output_0";
constexpr const char *kFlow = "/flow/", *kLastOfFlow = "/Mul_7";

Value find(const std::shared_ptr<ov::Model>& model, const char* name) {
  for (const auto& node : model->get_ordered_ops()) {
    for (const auto& output : node->outputs()) {
      if (output.get_names().contains(name)) return output;
    }
  }
  return {};
}

bool is_frames(const Value& value) {
  if (value.get_node() == nullptr || value.get_element_type() != ov::element::f32) return false;
  const auto shape = value.get_partial_shape();
  return shape.rank().is_static() && shape.size() == 3 && shape[1].is_static();
}

struct Cut {
  std::shared_ptr<op::Parameter> in;
  std::shared_ptr<op::Result> out;
};

Cut cut(Value place) {
  const auto in =
      std::make_shared<op::Parameter>(ov::element::f32, ov::PartialShape{1, place.get_partial_shape()[1], -1});
  const auto readers = place.get_target_inputs();
  const auto out = std::make_shared<op::Result>(place);
  for (auto reader : readers) reader.replace_source_output(in);
  return {in, out};
}

/// The flow runs over frames that exist: what its mask is for.
void unmask(Value mask) {
  const auto one = op::Constant::create(ov::element::f32, {1, 1, 1}, {1.0F});
  for (auto reader : mask.get_target_inputs()) {
    const auto& name = reader.get_node()->get_friendly_name();
    if (name.starts_with(kFlow) || name == kLastOfFlow) reader.replace_source_output(one);
  }
}

/// @returns null when it is no such transposed convolution.
std::shared_ptr<ov::Node> shuffled(const std::shared_ptr<op::ConvolutionBackpropData>& from) {
  const auto weights = ov::as_type_ptr<op::Constant>(from->get_input_node_shared_ptr(1));
  if (weights == nullptr || from->get_input_size() != 2 || weights->get_element_type() != ov::element::f32 ||
      weights->get_shape().size() != 3)
    return {};
  const std::size_t in = weights->get_shape()[0], out = weights->get_shape()[1], width = weights->get_shape()[2];
  const std::size_t s = from->get_strides()[0];
  const auto pad = static_cast<std::ptrdiff_t>(s / 2);
  if (s % 2 != 0 || width != 2 * s || from->get_pads_begin()[0] != pad || from->get_pads_end()[0] != pad ||
      from->get_dilations()[0] != 1 || from->get_output_padding()[0] != 0 ||
      from->get_auto_pad() != ov::op::PadType::EXPLICIT)
    return {};
  // Sample t·s + r sums over inputs t - 1, t and t + 1, each with the kernel's value that lies over it.
  const auto given = weights->cast_vector<float>();
  std::vector<float> taps(s * out * in * 3, 0.0F);
  for (std::size_t r = 0; r < s; ++r) {
    for (std::size_t tap = 0; tap < 3; ++tap) {
      const auto at = (1 - static_cast<std::ptrdiff_t>(tap)) * static_cast<std::ptrdiff_t>(s) +
                      static_cast<std::ptrdiff_t>(r) + pad;
      if (at < 0 || at >= static_cast<std::ptrdiff_t>(width)) continue;
      for (std::size_t o = 0; o < out; ++o) {
        for (std::size_t i = 0; i < in; ++i)
          taps[((r * out + o) * in + i) * 3 + tap] = given[(i * out + o) * width + static_cast<std::size_t>(at)];
      }
    }
  }
  const auto plain = std::make_shared<op::Convolution>(
      from->input_value(0), op::Constant::create(ov::element::f32, {s * out, in, 3}, taps), ov::Strides{1},
      ov::CoordinateDiff{1}, ov::CoordinateDiff{1}, ov::Strides{1});
  return std::make_shared<op::DepthToSpace>(plain, op::DepthToSpace::DepthToSpaceMode::BLOCKS_FIRST, s);
}

}  // namespace

void enlarge_by_shuffle(ov::Model& model) {
  for (const auto& node : model.get_ordered_ops()) {
    const auto transposed = ov::as_type_ptr<op::ConvolutionBackpropData>(node);
    if (transposed == nullptr) continue;
    if (const auto other = shuffled(transposed)) ov::replace_node(transposed, other);
  }
  model.validate_nodes_and_infer_types();
}

std::optional<VitsParts> part_vits(const std::filesystem::path& onnx) {
  const auto model = ov::Core{}.read_model(onnx.string());
  const Value drawn = find(model, kDrawn), frames = find(model, kFrames), mask = find(model, kMask);
  if (!is_frames(drawn) || !is_frames(frames) || mask.get_node() == nullptr || model->outputs().size() != 1 ||
      drawn.get_partial_shape()[1] != frames.get_partial_shape()[1])
    return {};
  const auto results = model->get_results();
  const auto [sound_in, flow_out] = cut(frames);
  unmask(mask);
  const auto [flow_in, plan_out] = cut(drawn);
  try {
    VitsParts parts{std::make_shared<ov::Model>(ov::ResultVector{plan_out}, model->get_parameters(), "piper-plan"),
                    std::make_shared<ov::Model>(ov::ResultVector{flow_out}, ov::ParameterVector{flow_in}, "piper-flow"),
                    std::make_shared<ov::Model>(results, ov::ParameterVector{sound_in}, "piper-sound")};
    enlarge_by_shuffle(*parts.sound);
    return parts;
  } catch (const ov::Exception&) {  // a part needs an input of another
    return {};
  }
}

}  // namespace zenith::media
