// Element-wise ops. All shapes f32 [T, C]; outputs may alias inputs. Tolerance: nmse <= 1e-12 unless said.
#pragma once

#include "zenith/core/view.hpp"
#include "zenith/kernels/exec.hpp"

namespace zenith::kernels {

void add(Exec& ex, View2<const float> a, View2<const float> b, View2<float> y) noexcept;  ///< y = a + b
void scale(Exec& ex, View2<float> x, float by) noexcept;                                  ///< x *= by
void softcap(Exec& ex, View2<float> x, float cap) noexcept;  ///< x = cap * tanh(x / cap), cap > 0

/// y = silu(gate) * up, silu(g) = g / (1 + e^-g).  Source: arXiv:2002.05202 (SwiGLU).
void silu_mul(Exec& ex, View2<const float> gate, View2<const float> up, View2<float> y) noexcept;
/// y = gelu_tanh(gate) * up, gelu_tanh(g) = g/2 (1 + tanh(sqrt(2/pi) (g + 0.044715 g^3))).  Source: arXiv:1606.08415.
void gelu_tanh_mul(Exec& ex, View2<const float> gate, View2<const float> up, View2<float> y) noexcept;
/// x = x/2 (1 + erf(x / sqrt 2)): BERT's GELU. Tolerance: nmse <= 1e-10.
void gelu_erf(Exec& ex, View2<float> x) noexcept;

}  // namespace zenith::kernels
