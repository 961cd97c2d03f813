// The gated feed-forward part: down(act(gate(x)) * up(x)).  Source: arXiv:2002.05202.
#pragma once

#include <optional>

#include "arch/hyper.hpp"
#include "arch/tensor_loader.hpp"
#include "engine/graph.hpp"

namespace zenith::models {

enum class GateActivation : std::uint8_t { silu, gelu_tanh };

struct GatedMlp {
  std::optional<kernels::Linear> gate, up, down;
  GateActivation activation = GateActivation::silu;

  void apply(const Pass& pass, View2<const float> x, View2<float> y) const;
  void apply_add(const Pass& pass, View2<const float> x, View2<float> y) const;

 private:
  View2<float> inner(const Pass& pass, View2<const float> x) const;  // [T, ffn]
};

/// blk.<index>.ffn_{gate,up,down}.weight.
GatedMlp load_gated_mlp(TensorLoader& loader, const Hyper& hyper, std::size_t index, GateActivation activation);

}  // namespace zenith::models
