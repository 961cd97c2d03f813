#include "zenith/kernels/reference.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>

#include "zenith/kernels/dequantize.hpp"

namespace zenith::kernels::reference {
namespace {

double element_of_page(const KvLayer& kv, const std::byte* base, const KvRow& row, std::size_t index, std::size_t at) {
  const std::byte* page = base + row.pages[index / kPageTokens] * kv.page_stride_bytes;
  if (kv.dtype == DType::f32) {
    float v;
    std::memcpy(&v, page + at * sizeof v, sizeof v);
    return v;
  }
  std::uint16_t v;
  std::memcpy(&v, page + at * sizeof v, sizeof v);
  return f16_to_f32(v);
}

double key(const KvLayer& kv, const KvRow& row, std::size_t index, std::size_t head, std::size_t c) {
  return element_of_page(kv, kv.k, row, index, (head * kv.head_dim + c) * kPageTokens + index % kPageTokens);
}

double value(const KvLayer& kv, const KvRow& row, std::size_t index, std::size_t head, std::size_t c) {
  return element_of_page(kv, kv.v, row, index, ((index % kPageTokens) * kv.kv_heads + head) * kv.head_dim + c);
}

template <class F>
Matrix map2(View2<const float> a, View2<const float> b, F f) {
  Matrix out(a.rows * a.cols);
  for (std::size_t t = 0; t < a.rows; ++t)
    for (std::size_t c = 0; c < a.cols; ++c) out[t * a.cols + c] = f(double{a.row(t)[c]}, double{b.row(t)[c]});
  return out;
}

}  // namespace

Matrix linear(DType type, std::span<const std::byte> weights, std::size_t n_out, std::size_t n_in, View2<const float> x,
              std::span<const float> bias) {
  Matrix out(x.rows * n_out, std::numeric_limits<double>::quiet_NaN());
  std::vector<float> w(n_in);
  const std::size_t bytes = row_bytes(type, n_in);
  for (std::size_t o = 0; o < n_out; ++o) {
    if (!dequantize_row(type, weights.subspan(o * bytes, bytes), w)) return out;
    for (std::size_t t = 0; t < x.rows; ++t) {
      double sum = bias.empty() ? 0.0 : double{bias[o]};
      for (std::size_t c = 0; c < n_in; ++c) sum += double{w[c]} * double{x.row(t)[c]};
      out[t * n_out + o] = sum;
    }
  }
  return out;
}

Matrix rms_norm(View2<const float> x, std::span<const float> w, double eps) {
  Matrix out(x.rows * x.cols);
  for (std::size_t t = 0; t < x.rows; ++t) {
    double sum = 0;
    for (const float v : x[t]) sum += double{v} * double{v};
    const double inverse = 1.0 / std::sqrt(sum / static_cast<double>(x.cols) + eps);
    for (std::size_t c = 0; c < x.cols; ++c) out[t * x.cols + c] = double{x.row(t)[c]} * inverse * double{w[c]};
  }
  return out;
}

Matrix layer_norm(View2<const float> x, std::span<const float> w, std::span<const float> b, double eps) {
  Matrix out(x.rows * x.cols);
  for (std::size_t t = 0; t < x.rows; ++t) {
    double mean = 0, var = 0;
    for (const float v : x[t]) mean += double{v};
    mean /= static_cast<double>(x.cols);
    for (const float v : x[t]) var += (double{v} - mean) * (double{v} - mean);
    const double inverse = 1.0 / std::sqrt(var / static_cast<double>(x.cols) + eps);
    for (std::size_t c = 0; c < x.cols; ++c)
      out[t * x.cols + c] = (double{x.row(t)[c]} - mean) * inverse * double{w[c]} + double{b[c]};
  }
  return out;
}

Matrix rope(View2<const float> x, std::size_t head_dim, std::span<const std::int32_t> positions,
            const RopeTable& table) {
  Matrix out(x.rows * x.cols);
  for (std::size_t t = 0; t < x.rows; ++t) {
    for (std::size_t c = 0; c < x.cols; ++c) out[t * x.cols + c] = double{x.row(t)[c]};
    for (std::size_t head = 0; head < x.cols / head_dim; ++head) {
      for (std::size_t i = 0; i < table.dims() / 2; ++i) {
        const bool adjacent = table.pairs() == RopePairs::adjacent;
        const std::size_t a = head * head_dim + (adjacent ? 2 * i : i), b = a + (adjacent ? 1 : table.dims() / 2);
        const double angle = positions[t] * table.inverse()[i], cos = std::cos(angle), sin = std::sin(angle);
        const double x0 = double{x.row(t)[a]}, x1 = double{x.row(t)[b]};
        out[t * x.cols + a] = x0 * cos - x1 * sin;
        out[t * x.cols + b] = x0 * sin + x1 * cos;
      }
    }
  }
  return out;
}

Matrix attention(const KvLayer& kv, std::span<const KvRow> rows, const AttentionParams& params, View2<const float> q) {
  const std::size_t group = params.heads / kv.kv_heads, width = params.heads * kv.head_dim;
  Matrix out(rows.size() * width, 0.0);
  for (std::size_t t = 0; t < rows.size(); ++t) {
    for (std::size_t h = 0; h < params.heads; ++h) {
      const KvRow& row = rows[t];
      std::vector<double> score;
      double most = -std::numeric_limits<double>::infinity(), sum = 0;
      for (std::size_t j = row.first; j < row.last; ++j) {
        double s = 0;
        for (std::size_t c = 0; c < kv.head_dim; ++c)
          s += double{q.row(t)[h * kv.head_dim + c]} * key(kv, row, j, h / group, c);
        s *= double{params.scale};
        if (params.softcap != 0.0F) s = double{params.softcap} * std::tanh(s / double{params.softcap});
        score.push_back(s);
        most = std::max(most, s);
      }
      for (double& s : score) sum += s = std::exp(s - most);
      for (std::size_t j = row.first; j < row.last; ++j)
        for (std::size_t c = 0; c < kv.head_dim; ++c)
          out[t * width + h * kv.head_dim + c] += score[j - row.first] / sum * value(kv, row, j, h / group, c);
    }
  }
  return out;
}

Matrix silu_mul(View2<const float> gate, View2<const float> up) {
  return map2(gate, up, [](double g, double u) { return g / (1.0 + std::exp(-g)) * u; });
}

Matrix gelu_tanh_mul(View2<const float> gate, View2<const float> up) {
  const double k = std::sqrt(2.0 / std::numbers::pi);
  return map2(gate, up,
              [k](double g, double u) { return g / 2 * (1 + std::tanh(k * (g + 0.044715 * g * g * g))) * u; });
}

Matrix gelu_erf(View2<const float> x) {
  return map2(x, x, [](double v, double) { return v / 2 * (1 + std::erf(v / std::numbers::sqrt2)); });
}

double nmse(std::span<const float> got, std::span<const double> want) {
  double error = 0, power = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    error += (double{got[i]} - want[i]) * (double{got[i]} - want[i]);
    power += want[i] * want[i];
  }
  return power > 0 ? error / power : error;
}

}  // namespace zenith::kernels::reference
