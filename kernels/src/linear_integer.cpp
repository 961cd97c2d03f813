// The `fast` arithmetic of quantised weights: integer dot products with quantised activations.
#include <algorithm>

#include "linear_impl.hpp"
#include "quantize.hpp"
#include "zenith/kernels/thread_pool.hpp"

namespace zenith::kernels {
namespace {

constexpr std::size_t kMacsForThreads = 128
                                        << 10;  // about 5 us: below, waking and awaiting a thread costs what it saves

/// Threads take outputs by two groups: the dot product's tiles are that wide.
std::size_t grain(const PackedWeights& packed) noexcept { return 2 * packed.lanes; }
std::size_t grains(const PackedWeights& packed) noexcept { return (packed.n_out + grain(packed) - 1) / grain(packed); }

}  // namespace

void Linear::Impl::integer_range(const QuantizedRows& q, View2<float> y, bool add, std::size_t begin,
                                 std::size_t end) const {
  table->run[static_cast<std::size_t>(packed->kind)]({.x = q.q,
                                                      .x_scale = q.scale,
                                                      .x_sum = q.sum,
                                                      .x_isum = q.isum,
                                                      .rows = q.rows,
                                                      .blocks = q.blocks,
                                                      .w = packed->bytes.data(),
                                                      .out_begin = begin,
                                                      .out_end = end,
                                                      .y = y.data,
                                                      .y_stride = y.stride,
                                                      .bias = bias.empty() ? nullptr : bias.data(),
                                                      .add = add});
}

void Linear::Impl::apply_integer(Exec& ex, const Activations& x, View2<float> y, bool add) const {
  const QuantizedRows& q = x.quantized(ex);  // before any Scope: other Linears use it too
  const bool small = q.rows * n_out * n_in < kMacsForThreads;
  ex.pool->for_range(n_out, small ? n_out : grain(*packed),
                     [&](std::size_t begin, std::size_t end) { integer_range(q, y, add, begin, end); });
}

void Linear::apply_all(Exec& ex, const Activations& x, std::span<const Use> uses) noexcept {
  const bool together =
      x.x().rows > 0 && std::ranges::all_of(uses, [&](const Use& use) { return use.linear->impl_->integer(ex); });
  if (!together) {
    for (const Use& use : uses) use.linear->apply(ex, x, use.y);
    return;
  }
  const QuantizedRows& q = x.quantized(ex);
  std::size_t all = 0, outputs = 0;
  for (const Use& use : uses) {
    all += grains(*use.linear->impl_->packed);
    outputs += use.linear->n_out();
  }
  const bool small = q.rows * outputs * x.x().cols < kMacsForThreads;
  ex.pool->for_range(all, small ? all : 1, [&](std::size_t begin, std::size_t end) {
    std::size_t first = 0;  // of the grains of `use`
    for (const Use& use : uses) {
      const Impl& linear = *use.linear->impl_;
      const std::size_t count = grains(*linear.packed), width = grain(*linear.packed);
      const std::size_t from = std::max(begin, first), to = std::min(end, first + count);
      if (from < to)
        linear.integer_range(q, use.y, false, (from - first) * width, std::min((to - first) * width, linear.n_out));
      first += count;
    }
  });
  for (const Use& use : uses)
    for (const Adapter& adapter : use.linear->impl_->adapters) use.linear->impl_->apply_adapter(ex, x, use.y, adapter);
}

}  // namespace zenith::kernels
