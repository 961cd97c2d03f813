// Normalisations over the last axis.
#pragma once

#include "zenith/core/view.hpp"
#include "zenith/kernels/exec.hpp"

namespace zenith::kernels {

/// Root-mean-square norm: y[t,c] = x[t,c] / sqrt(mean_c(x[t,c]^2) + eps) * w[c].  Source: arXiv:1910.07467.
/// @param x f32 [T, C]. @param w f32 [C]. @param eps > 0. y may alias x. Tolerance: nmse <= 1e-12 against the
/// reference.
void rms_norm(Exec& ex, View2<const float> x, View1<const float> w, float eps, View2<float> y) noexcept;

/// Layer norm: y = (x - mean) / sqrt(var + eps) * w + b, var the population variance.  Source: arXiv:1607.06450.
/// Shapes as above, b f32 [C]. y may alias x. Tolerance: nmse <= 1e-12.
void layer_norm(Exec& ex, View2<const float> x, View1<const float> w, View1<const float> b, float eps,
                View2<float> y) noexcept;

}  // namespace zenith::kernels
