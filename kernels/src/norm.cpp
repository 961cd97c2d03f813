#include "zenith/kernels/norm.hpp"

#include <cmath>

#include "zenith/kernels/thread_pool.hpp"

namespace zenith::kernels {

void rms_norm(Exec& ex, View2<const float> x, View1<const float> w, float eps, View2<float> y) noexcept {
  ex.pool->for_range(x.rows, 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t t = begin; t < end; ++t) {
      double sum = 0;
      for (const float v : x[t]) sum += double{v} * double{v};
      const auto inverse = static_cast<float>(1.0 / std::sqrt(sum / static_cast<double>(x.cols) + double{eps}));
      for (std::size_t c = 0; c < x.cols; ++c) y.row(t)[c] = x.row(t)[c] * inverse * w[c];
    }
  });
}

void layer_norm(Exec& ex, View2<const float> x, View1<const float> w, View1<const float> b, float eps, View2<float> y) noexcept {
  ex.pool->for_range(x.rows, 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t t = begin; t < end; ++t) {
      double mean = 0, var = 0;
      for (const float v : x[t]) mean += double{v};
      mean /= static_cast<double>(x.cols);
      for (const float v : x[t]) var += (double{v} - mean) * (double{v} - mean);
      const double inverse = 1.0 / std::sqrt(var / static_cast<double>(x.cols) + double{eps});
      for (std::size_t c = 0; c < x.cols; ++c)
        y.row(t)[c] = static_cast<float>((double{x.row(t)[c]} - mean) * inverse) * w[c] + b[c];
    }
  });
}

}  // namespace zenith::kernels
