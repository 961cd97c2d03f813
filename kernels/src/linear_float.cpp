// Linear in f32: float weights, `exact` numerics, and adapters.
#include <algorithm>
#include <cstring>

#include "float_dot.hpp"
#include "linear_impl.hpp"
#include "zenith/kernels/thread_pool.hpp"

namespace zenith::kernels {
namespace {

constexpr std::size_t kOuts = 4, kRows = 4;  // of a tile
constexpr std::size_t kRowChunk = 64;        // rows that stay in L2 while the weights pass by

}  // namespace

const float* Linear::Impl::row_floats(std::size_t o, std::span<float> scratch) const noexcept {
  const std::size_t n = row_bytes(dtype, n_in);
  if (dtype == DType::f32) {
    const std::byte* at = bytes.data() + o * n;
    if (reinterpret_cast<std::uintptr_t>(at) % alignof(float) == 0) return reinterpret_cast<const float*>(at);
  }
  if (dtype == DType::f16)
    f16_row(bytes.data() + o * n, scratch.data(), n_in);
  else if (dtype == DType::bf16)
    bf16_row(bytes.data() + o * n, scratch.data(), n_in);
  else
    row(o, scratch);
  return scratch.data();
}

void Linear::Impl::apply_float(Exec& ex, const Activations& x, View2<float> y, bool add) const {
  Workspace::Scope scope{*ex.workspace};
  const std::span<float> scratch =
      ex.workspace->take<float>(static_cast<std::size_t>(ex.pool->threads()) * kOuts * n_in);
  const View2<const float> in = x.x();
  ex.pool->for_range(n_out, kOuts, [&](int thread, std::size_t begin, std::size_t end) {
    const std::span<float> mine = scratch.subspan(static_cast<std::size_t>(thread) * kOuts * n_in, kOuts * n_in);
    for (std::size_t chunk = 0; chunk < in.rows; chunk += kRowChunk) {
      const std::size_t chunk_end = std::min(chunk + kRowChunk, in.rows);
      for (std::size_t o = begin; o < end; o += kOuts) {
        const std::size_t cols = std::min(kOuts, end - o);
        const float* w[kOuts] = {};
        for (std::size_t c = 0; c < cols; ++c) w[c] = row_floats(o + c, mine.subspan(c * n_in, n_in));
        for (std::size_t t = chunk; t < chunk_end; t += kRows) {
          const std::size_t rows = std::min(kRows, chunk_end - t);
          float sums[kRows * 4];
          float_tile({in.row(t), in.stride, w, rows, cols, n_in, sums});
          for (std::size_t r = 0; r < rows; ++r) {
            for (std::size_t c = 0; c < cols; ++c) {
              float& to = y.row(t + r)[o + c];
              const float v = bias.empty() ? sums[r * 4 + c] : sums[r * 4 + c] + bias[o + c];
              to = add ? to + v : v;
            }
          }
        }
      }
    }
  });
}

void Linear::Impl::apply_adapter(Exec& ex, const Activations& x, View2<float> y, const Adapter& adapter) const {
  Workspace::Scope scope{*ex.workspace};
  const std::span<float> low = ex.workspace->take<float>(adapter.rank);
  const auto dot = [](const float* a, const float* b, std::size_t n) {
    float sums[16];
    float_tile({a, 0, &b, 1, 1, n, sums});
    return sums[0];
  };
  for (std::size_t t = 0; t < y.rows; ++t) {
    if (x.meta(t).adapter != adapter.id) continue;
    ex.pool->for_range(adapter.rank, 4, [&](std::size_t begin, std::size_t end) {
      for (std::size_t r = begin; r < end; ++r) low[r] = dot(x.x().row(t), adapter.a.data() + r * n_in, n_in);
    });
    ex.pool->for_range(n_out, 16, [&](std::size_t begin, std::size_t end) {
      for (std::size_t o = begin; o < end; ++o)
        y.row(t)[o] += adapter.scale * dot(low.data(), adapter.b.data() + o * adapter.rank, adapter.rank);
    });
  }
}

}  // namespace zenith::kernels
