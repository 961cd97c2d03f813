// Scalar double-precision references. Slow, obvious, and what every kernel is tested against. Not for the product.
#pragma once

#include <span>
#include <vector>

#include "zenith/core/dtype.hpp"
#include "zenith/kernels/attention.hpp"
#include "zenith/kernels/rope.hpp"

namespace zenith::kernels::reference {

using Matrix = std::vector<double>;  ///< row-major

Matrix linear(DType type, std::span<const std::byte> weights, std::size_t n_out, std::size_t n_in, View2<const float> x,
              std::span<const float> bias);
Matrix rms_norm(View2<const float> x, std::span<const float> w, double eps);
Matrix layer_norm(View2<const float> x, std::span<const float> w, std::span<const float> b, double eps);
Matrix rope(View2<const float> x, std::size_t head_dim, std::span<const std::int32_t> positions,
            const RopeTable& table);
Matrix attention(const KvLayer& kv, std::span<const KvRow> rows, const AttentionParams& params, View2<const float> q);
Matrix silu_mul(View2<const float> gate, View2<const float> up);
Matrix gelu_tanh_mul(View2<const float> gate, View2<const float> up);
Matrix gelu_erf(View2<const float> x);

/// Normalised mean square error: sum (a-b)^2 / sum b^2.
double nmse(std::span<const float> got, std::span<const double> want);

}  // namespace zenith::kernels::reference
