// The `fast` arithmetic of quantised weights: integer dot products with quantised activations.
#include "linear_impl.hpp"
#include "quantize.hpp"
#include "zenith/kernels/thread_pool.hpp"

namespace zenith::kernels {
namespace {

constexpr std::size_t kMacsForThreads = 128
                                        << 10;  // about 5 us: below, waking and awaiting a thread costs what it saves

}

void Linear::Impl::apply_integer(Exec& ex, const Activations& x, View2<float> y, bool add) const {
  const QuantizedRows& q = x.quantized(ex);  // before any Scope: other Linears use it too
  const bool small = q.rows * n_out * n_in < kMacsForThreads;
  ex.pool->for_range(n_out, small ? n_out : packed->lanes, [&](std::size_t begin, std::size_t end) {
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
  });
}

}  // namespace zenith::kernels
