#include "arch/blocks/gated_mlp.hpp"

#include <fmt/format.h>

#include "zenith/kernels/elementwise.hpp"

namespace zenith::models {

View2<float> GatedMlp::inner(const Pass& pass, View2<const float> x) const {
  const View2<float> gated = pass.scratch(x.rows, gate->n_out()), raised = pass.scratch(x.rows, up->n_out());
  const kernels::Activations input{pass.ex, x, pass.meta};
  const kernels::Linear::Use uses[] = {{&*gate, gated}, {&*up, raised}};
  kernels::Linear::apply_all(pass.ex, input, uses);
  switch (activation) {
    case GateActivation::silu: kernels::silu_mul(pass.ex, gated, raised, gated); break;
    case GateActivation::gelu_tanh: kernels::gelu_tanh_mul(pass.ex, gated, raised, gated); break;
  }
  return gated;
}

void GatedMlp::apply(const Pass& pass, View2<const float> x, View2<float> y) const {
  down->apply(pass.ex, kernels::Activations{pass.ex, inner(pass, x), pass.meta}, y);
}

void GatedMlp::apply_add(const Pass& pass, View2<const float> x, View2<float> y) const {
  down->apply_add(pass.ex, kernels::Activations{pass.ex, inner(pass, x), pass.meta}, y);
}

GatedMlp load_gated_mlp(TensorLoader& loader, const Hyper& h, std::size_t index, GateActivation activation) {
  const auto name = [&](std::string_view part) { return fmt::format("blk.{}.ffn_{}.weight", index, part); };
  return {loader.linear(name("gate"), h.ffn, h.d_model), loader.linear(name("up"), h.ffn, h.d_model),
          loader.linear(name("down"), h.d_model, h.ffn), activation};
}

}  // namespace zenith::models
