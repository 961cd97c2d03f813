#include "zenith/kernels/linear.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "zenith/kernels/dequantize.hpp"
#include "zenith/kernels/thread_pool.hpp"

namespace zenith::kernels {
namespace {

struct Adapter {
  std::uint16_t id = 0;
  std::size_t rank = 0;
  float scale = 1.0F;
  std::vector<float> a, b;
};

float dot(const float* a, const float* b, std::size_t n) noexcept {
  float sums[8] = {};
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (std::size_t l = 0; l < 8; ++l) sums[l] += a[i + l] * b[i + l];
  float tail = 0;
  for (; i < n; ++i) tail += a[i] * b[i];
  return ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7])) + tail;
}

}  // namespace

struct Linear::Impl {
  DType dtype{};
  std::size_t n_out = 0, n_in = 0;
  std::span<const std::byte> bytes;
  std::vector<std::byte> owned;
  std::vector<float> bias;
  std::vector<Adapter> adapters;

  std::span<const std::byte> row(std::size_t o) const noexcept {
    const std::size_t n = row_bytes(dtype, n_in);
    return bytes.subspan(o * n, n);
  }
  void apply(Exec& ex, const Activations& x, View2<float> y, bool add) const;
  void apply_adapter(Exec& ex, const Activations& x, View2<float> y, const Adapter& adapter) const;
};

Activations::Activations(Exec&, View2<const float> x, std::span<const RowMeta> meta) noexcept : x_(x), meta_(meta) {}

Linear::Linear(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Linear::Linear(Linear&&) noexcept = default;
Linear& Linear::operator=(Linear&&) noexcept = default;
Linear::~Linear() = default;

Expected<Linear> Linear::make(DType dtype, std::span<const std::byte> weights, std::size_t n_out, std::size_t n_in,
                              std::span<const float> bias, bool borrow) {
  const DTypeInfo info = dtype_info(dtype);
  if (dtype == DType::i8 || dtype == DType::i16 || dtype == DType::i32 || dtype == DType::i64)
    return fail(Errc::unsupported, fmt::format("no linear kernel for {} weights", info.name));
  if (n_out == 0 || n_in == 0 || n_in % info.elements != 0)
    return fail(Errc::invalid_argument,
                fmt::format("a {} matrix of {} x {}: columns must be a multiple of {}", info.name, n_out, n_in, info.elements));
  if (n_out > weights.size() || row_bytes(dtype, n_in) > weights.size() / n_out || row_bytes(dtype, n_in) * n_out != weights.size())
    return fail(Errc::invalid_argument, fmt::format("a {} matrix of {} x {} needs {} bytes a row, {} were given in all", info.name, n_out,
                                                    n_in, row_bytes(dtype, n_in), weights.size()));
  if (!bias.empty() && bias.size() != n_out)
    return fail(Errc::invalid_argument, fmt::format("{} biases for {} outputs", bias.size(), n_out));
  auto impl = std::make_unique<Impl>();
  impl->dtype = dtype;
  impl->n_out = n_out;
  impl->n_in = n_in;
  impl->bytes = weights;
  impl->bias.assign(bias.begin(), bias.end());
  if (!borrow) {
    impl->owned.assign(weights.begin(), weights.end());
    impl->bytes = impl->owned;
  }
  return Linear{std::move(impl)};
}

std::size_t Linear::n_out() const noexcept { return impl_->n_out; }
std::size_t Linear::n_in() const noexcept { return impl_->n_in; }
DType Linear::dtype() const noexcept { return impl_->dtype; }
std::size_t Linear::owned_bytes() const noexcept { return impl_->owned.size() + impl_->bias.size() * sizeof(float); }

void Linear::Impl::apply(Exec& ex, const Activations& x, View2<float> y, bool add) const {
  Workspace::Scope scope{*ex.workspace};
  const auto threads = static_cast<std::size_t>(ex.pool->threads());
  const std::span<float> scratch = ex.workspace->take<float>(threads * n_in);
  ex.pool->run([&](int thread, int) {
    const auto t0 = static_cast<std::size_t>(thread);
    const std::span<float> w = scratch.subspan(t0 * n_in, n_in);
    for (std::size_t o = n_out * t0 / threads; o < n_out * (t0 + 1) / threads; ++o) {
      (void)dequantize_row(dtype, row(o), w);
      for (std::size_t t = 0; t < y.rows; ++t) {
        const float v = dot(x.x().row(t), w.data(), n_in) + (bias.empty() ? 0.0F : bias[o]);
        y.row(t)[o] = add ? y.row(t)[o] + v : v;
      }
    }
  });
  for (const Adapter& adapter : adapters) apply_adapter(ex, x, y, adapter);
}

void Linear::Impl::apply_adapter(Exec& ex, const Activations& x, View2<float> y, const Adapter& adapter) const {
  Workspace::Scope scope{*ex.workspace};
  const std::span<float> low = ex.workspace->take<float>(adapter.rank);
  for (std::size_t t = 0; t < y.rows; ++t) {
    if (x.meta(t).adapter != adapter.id) continue;
    for (std::size_t r = 0; r < adapter.rank; ++r) low[r] = dot(x.x().row(t), adapter.a.data() + r * n_in, n_in);
    for (std::size_t o = 0; o < n_out; ++o)
      y.row(t)[o] += adapter.scale * dot(low.data(), adapter.b.data() + o * adapter.rank, adapter.rank);
  }
}

void Linear::apply(Exec& ex, const Activations& x, View2<float> y) const noexcept { impl_->apply(ex, x, y, false); }
void Linear::apply_add(Exec& ex, const Activations& x, View2<float> y) const noexcept { impl_->apply(ex, x, y, true); }

Status Linear::add_adapter(std::uint16_t id, View2<const float> a, View2<const float> b, float scale) {
  if (id == 0) return fail(Errc::invalid_argument, "adapter id 0 means none: ids start at 1");
  if (a.cols != impl_->n_in || b.rows != impl_->n_out || a.rows != b.cols || a.rows == 0)
    return fail(Errc::invalid_argument, fmt::format("an adapter of {} x {} and {} x {} does not fit a matrix of {} x {}", b.rows, b.cols,
                                                    a.rows, a.cols, impl_->n_out, impl_->n_in));
  Adapter adapter{id, a.rows, scale, {}, {}};
  for (std::size_t r = 0; r < a.rows; ++r) adapter.a.insert(adapter.a.end(), a[r].begin(), a[r].end());
  for (std::size_t o = 0; o < b.rows; ++o) adapter.b.insert(adapter.b.end(), b[o].begin(), b[o].end());
  remove_adapter(id);
  impl_->adapters.push_back(std::move(adapter));
  return {};
}

void Linear::remove_adapter(std::uint16_t id) noexcept {
  std::erase_if(impl_->adapters, [id](const Adapter& adapter) { return adapter.id == id; });
}

void Linear::row(std::size_t o, std::span<float> out) const noexcept { (void)dequantize_row(impl_->dtype, impl_->row(o), out); }

}  // namespace zenith::kernels
