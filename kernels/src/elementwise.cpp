#include "zenith/kernels/elementwise.hpp"

#include <cmath>

#include "zenith/kernels/thread_pool.hpp"

namespace zenith::kernels {
namespace {

template <class F>
void each(Exec& ex, View2<float> y, F f) noexcept {
  ex.pool->for_range(y.rows, 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t t = begin; t < end; ++t)
      for (std::size_t c = 0; c < y.cols; ++c) y.row(t)[c] = f(t, c);
  });
}

}  // namespace

void add(Exec& ex, View2<const float> a, View2<const float> b, View2<float> y) noexcept {
  each(ex, y, [&](std::size_t t, std::size_t c) { return a.row(t)[c] + b.row(t)[c]; });
}

void scale(Exec& ex, View2<float> x, float by) noexcept {
  each(ex, x, [&](std::size_t t, std::size_t c) { return x.row(t)[c] * by; });
}

void softcap(Exec& ex, View2<float> x, float cap) noexcept {
  each(ex, x, [&](std::size_t t, std::size_t c) { return cap * std::tanh(x.row(t)[c] / cap); });
}

void silu_mul(Exec& ex, View2<const float> gate, View2<const float> up, View2<float> y) noexcept {
  each(ex, y, [&](std::size_t t, std::size_t c) {
    const float g = gate.row(t)[c];
    return g / (1.0F + std::exp(-g)) * up.row(t)[c];
  });
}

void gelu_tanh_mul(Exec& ex, View2<const float> gate, View2<const float> up, View2<float> y) noexcept {
  each(ex, y, [&](std::size_t t, std::size_t c) {
    const float g = gate.row(t)[c];
    return g / 2 * (1.0F + std::tanh(0.7978845608F * (g + 0.044715F * g * g * g))) * up.row(t)[c];
  });
}

void gelu_erf(Exec& ex, View2<float> x) noexcept {
  each(ex, x, [&](std::size_t t, std::size_t c) {
    const float v = x.row(t)[c];
    return v / 2 * (1.0F + std::erf(v * 0.70710678F));
  });
}

}  // namespace zenith::kernels
