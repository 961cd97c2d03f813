#include "zenith/kernels/rope.hpp"

#include <cmath>

#include "zenith/kernels/thread_pool.hpp"

namespace zenith::kernels {

RopeTable::RopeTable(std::size_t dims, double base, double linear_scale, std::span<const float> factors, RopePairs pairs)
    : inverse_(dims / 2), pairs_(pairs) {
  for (std::size_t i = 0; i < inverse_.size(); ++i) {
    inverse_[i] = std::pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(dims)) * linear_scale;
    if (i < factors.size()) inverse_[i] /= double{factors[i]};
  }
}

void rope(Exec& ex, View2<float> x, std::size_t head_dim, std::span<const std::int32_t> positions, const RopeTable& table) noexcept {
  const std::size_t half = table.dims() / 2, heads = x.cols / head_dim;
  const bool adjacent = table.pairs() == RopePairs::adjacent;
  Workspace::Scope scope{*ex.workspace};
  const std::span<float> cos_sin = ex.workspace->take<float>(x.rows * half * 2);
  ex.pool->for_range(x.rows, 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t t = begin; t < end; ++t) {
      float *cos = cos_sin.data() + t * half * 2, *sin = cos + half;
      for (std::size_t i = 0; i < half; ++i) {
        const double angle = positions[t] * table.inverse()[i];
        cos[i] = static_cast<float>(std::cos(angle));
        sin[i] = static_cast<float>(std::sin(angle));
      }
      for (std::size_t head = 0; head < heads; ++head) {
        float* at = x.row(t) + head * head_dim;
        for (std::size_t i = 0; i < half; ++i) {
          float &a = adjacent ? at[2 * i] : at[i], &b = adjacent ? at[2 * i + 1] : at[i + half];
          const float x0 = a, x1 = b;
          a = x0 * cos[i] - x1 * sin[i];
          b = x0 * sin[i] + x1 * cos[i];
        }
      }
    }
  });
}

}  // namespace zenith::kernels
