// The `fast` arithmetic of quantised weights: integer dot products with quantised activations.
#include "linear_impl.hpp"
#include "quantize.hpp"
#include "zenith/kernels/thread_pool.hpp"

namespace zenith::kernels {

void Linear::Impl::apply_integer(Exec& ex, const Activations& x, View2<float> y, bool add) const {
  const QuantizedRows& q = x.quantized(ex);  // before any Scope: other Linears use it too
  ex.pool->for_range(n_out, packed->lanes, [&](std::size_t begin, std::size_t end) {
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
