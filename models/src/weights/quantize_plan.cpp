#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

#include "weights/stored_source.hpp"
#include "zenith/models/weights/quantize.hpp"

namespace zenith::models {
namespace {

// Small, or worth their precision.  Source of the list: llama.cpp's quantiser.
constexpr std::array<std::string_view, 22> kKeptParts{"_norm.weight",
                                                      "ffn_gate_inp.weight",
                                                      "altup",
                                                      "laurel",
                                                      "per_layer_model_proj",
                                                      "ssm_conv1d",
                                                      "shortconv.conv",
                                                      "time_mix_first.weight",
                                                      "time_mix_w0.weight",
                                                      "time_mix_w1.weight",
                                                      "time_mix_w2.weight",
                                                      "time_mix_v0.weight",
                                                      "time_mix_v1.weight",
                                                      "time_mix_v2.weight",
                                                      "time_mix_a0.weight",
                                                      "time_mix_a1.weight",
                                                      "time_mix_a2.weight",
                                                      "time_mix_g1.weight",
                                                      "time_mix_g2.weight",
                                                      "time_mix_decay_w",
                                                      "time_mix_lerp_fused",
                                                      "attn_rel_b.weight"};
constexpr std::array<std::string_view, 2> kKeptNames{"position_embd.weight", "token_types.weight"};

bool is_block(DType type) { return dtype_info(type).elements > 1; }

bool is_float(DType type) { return is_block(type) || type == DType::f32 || type == DType::f16 || type == DType::bf16; }

bool is_kept(const TensorView& tensor) {
  const std::string_view name = tensor.name;
  if (tensor.shape.size() < 2 || !is_float(tensor.dtype) || !name.ends_with("weight")) return true;
  return std::ranges::count(kKeptNames, name) > 0 ||
         std::ranges::any_of(kKeptParts, [&](std::string_view part) { return name.find(part) != name.npos; });
}

DType fitting(DType type, std::uint64_t row) {
  const auto fits = [row](DType t) { return row % dtype_info(t).elements == 0; };
  if (fits(type)) return type;
  const DType narrow = type == DType::q4_k ? DType::q5_0 : type == DType::q5_k ? DType::q5_1 : DType::q8_0;
  return fits(narrow) ? narrow : DType::f16;
}

}  // namespace

Expected<std::vector<TensorPlan>> plan_quantization(const WeightSource& source, const QuantizeOptions& options) {
  const std::string_view head = source.find("output.weight") != nullptr ? "output.weight" : "token_embd.weight";
  std::vector<TensorPlan> plan;
  for (const std::string_view name : source.tensor_names()) {
    TensorPlan tensor{*source.find(name), DType::f32, false};
    tensor.to = tensor.from.dtype;
    if (!is_kept(tensor.from)) {
      const bool finer = !options.pure && name == head && is_block(options.type) && options.type != DType::q8_0;
      const DType wanted = finer ? DType::q6_k : options.type;
      tensor.to = fitting(wanted, tensor.from.shape.back());
      tensor.fell_back = tensor.to != wanted;
    }
    const bool loses = is_block(tensor.from.dtype) && tensor.to != tensor.from.dtype && tensor.to != DType::f32;
    if (loses && !options.allow_requantize) {
      return fail(
          Errc::invalid_argument,
          fmt::format("tensor {} is quantised already ({}): making it {} adds a second error to the first; take a "
                      "file of F32, F16 or BF16, or say --allow-requantize",
                      printable(name), dtype_info(tensor.from.dtype).name, dtype_info(tensor.to).name),
          "allow-requantize");
    }
    plan.push_back(std::move(tensor));
  }
  return plan;
}

}  // namespace zenith::models
