// Linear: construction, adapters, and the choice of the arithmetic. linear_float.cpp and linear_integer.cpp compute.
#include "zenith/kernels/linear.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "blocks.hpp"
#include "int_dot_table.hpp"
#include "linear_impl.hpp"
#include "quantize.hpp"
#include "zenith/kernels/dequantize.hpp"
#include "zenith/kernels/dispatch.hpp"

namespace zenith::kernels {

Activations::Activations(Exec&, View2<const float> x, std::span<const RowMeta> meta) noexcept : x_(x), meta_(meta) {}

const QuantizedRows& Activations::quantized(Exec& ex) const {
  if (quantized_ == nullptr) quantized_ = quantize_rows(ex, x_);
  return *quantized_;
}

Linear::Linear(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Linear::Linear(Linear&&) noexcept = default;
Linear& Linear::operator=(Linear&&) noexcept = default;
Linear::~Linear() = default;

Status Linear::check(DType dtype, std::size_t n_out, std::size_t n_in, std::span<const float> bias) {
  const DTypeInfo info = dtype_info(dtype);
  if (!pack_kind(dtype) && dtype != DType::f32 && dtype != DType::f16 && dtype != DType::bf16)
    return fail(Errc::unsupported, fmt::format("no linear kernel for {} weights", info.name));
  if (n_out == 0 || n_in == 0 || n_in % info.elements != 0)
    return fail(Errc::invalid_argument, fmt::format("a {} matrix of {} x {}: columns must be a multiple of {}",
                                                    info.name, n_out, n_in, info.elements));
  if (!bias.empty() && bias.size() != n_out)
    return fail(Errc::invalid_argument, fmt::format("{} biases for {} outputs", bias.size(), n_out));
  return {};
}

Expected<Linear> Linear::make(DType dtype, std::span<const std::byte> weights, std::size_t n_out, std::size_t n_in,
                              std::span<const float> bias, bool borrow, std::shared_ptr<WeightMemory> memory) {
  if (auto ok = check(dtype, n_out, n_in, bias); !ok) return tl::make_unexpected(std::move(ok.error()));
  const DTypeInfo info = dtype_info(dtype);
  if (n_in / info.elements > weights.size() / info.bytes || n_out > weights.size() / row_bytes(dtype, n_in) ||
      row_bytes(dtype, n_in) * n_out != weights.size())
    return fail(Errc::invalid_argument,
                fmt::format("{} bytes are not a {} matrix of {} x {}", weights.size(), info.name, n_out, n_in));
  auto impl = std::make_unique<Impl>(dtype, n_out, n_in, bias);
  if (pack_kind(dtype)) {
    impl->table = &int_dot_table(target().int_dot);
    impl->packed = pack(dtype, weights, n_out, n_in, impl->table->lanes,
                        memory ? std::move(memory) : std::make_shared<WeightMemory>());
    if (borrow) impl->bytes = weights;  // rows are read from here: cheaper than from the packed form
  } else if (borrow) {
    impl->bytes = weights;
  } else {
    impl->owned.assign(weights.begin(), weights.end());
    impl->bytes = impl->owned;
  }
  return Linear{std::move(impl)};
}

Expected<Linear> Linear::from_packed(DType dtype, std::span<const unsigned char> packed, std::size_t n_out,
                                     std::size_t n_in, std::shared_ptr<WeightMemory> memory,
                                     std::span<const float> bias, std::span<const std::byte> weights) {
  if (auto ok = check(dtype, n_out, n_in, bias); !ok) return tl::make_unexpected(std::move(ok.error()));
  const std::optional<PackKind> kind = pack_kind(dtype);
  if (!kind) return fail(Errc::unsupported, fmt::format("{} weights are not packed", dtype_info(dtype).name));
  if (packed.size() != packed_bytes(dtype, n_out, n_in) ||
      (!weights.empty() && weights.size() != row_bytes(dtype, n_in) * n_out))
    return fail(Errc::invalid_argument,
                fmt::format("{} packed and {} plain bytes are not a {} matrix of {} x {}", packed.size(),
                            weights.size(), dtype_info(dtype).name, n_out, n_in));
  auto impl = std::make_unique<Impl>(dtype, n_out, n_in, bias);
  impl->table = &int_dot_table(target().int_dot);
  impl->packed = PackedWeights{*kind, impl->table->lanes, n_out, n_in, packed, std::move(memory)};
  impl->bytes = weights;
  return Linear{std::move(impl)};
}

std::size_t Linear::packed_bytes(DType dtype, std::size_t n_out, std::size_t n_in) noexcept {
  const std::optional<PackKind> kind = pack_kind(dtype);
  const std::size_t lanes = int_dot_table(target().int_dot).lanes;
  std::size_t bytes = 0;
  if (!kind || n_out > SIZE_MAX - lanes || n_in % dtype_info(dtype).elements != 0 ||
      __builtin_mul_overflow((n_out + lanes - 1) / lanes, n_in / 32, &bytes) ||
      __builtin_mul_overflow(bytes, pack_block_bytes(*kind, lanes), &bytes))
    return 0;
  return bytes;
}

std::string packed_layout() { return fmt::format("v{}-{}", kPackRevision, int_dot_table(target().int_dot).lanes); }

std::span<const unsigned char> Linear::packed() const noexcept {
  return impl_->packed ? impl_->packed->bytes : std::span<const unsigned char>{};
}

std::size_t Linear::n_out() const noexcept { return impl_->n_out; }
std::size_t Linear::n_in() const noexcept { return impl_->n_in; }
DType Linear::dtype() const noexcept { return impl_->dtype; }

std::size_t Linear::owned_bytes() const noexcept {
  std::size_t sum = impl_->owned.size() + impl_->bias.size() * sizeof(float);
  if (impl_->packed) sum += impl_->packed->bytes.size();
  for (const Adapter& adapter : impl_->adapters) sum += (adapter.a.size() + adapter.b.size()) * sizeof(float);
  return sum;
}

void Linear::apply(Exec& ex, const Activations& x, View2<float> y) const noexcept { impl_->apply(ex, x, y, false); }
void Linear::apply_add(Exec& ex, const Activations& x, View2<float> y) const noexcept { impl_->apply(ex, x, y, true); }

void Linear::row(std::size_t o, std::span<float> out) const noexcept { impl_->row(o, out); }

void Linear::Impl::row(std::size_t o, std::span<float> out) const noexcept {
  if (bytes.empty()) return unpack_row(*packed, o, out);
  const std::size_t n = row_bytes(dtype, n_in);
  (void)dequantize_row(dtype, bytes.subspan(o * n, n), out);  // make() let only types with a float meaning in
}

void Linear::Impl::apply(Exec& ex, const Activations& x, View2<float> y, bool add) const {
  assert(x.x().cols == n_in && y.cols == n_out && x.x().rows == y.rows);
  if (y.rows == 0) return;
  if (integer(ex))
    apply_integer(ex, x, y, add);
  else
    apply_float(ex, x, y, add);
  for (const Adapter& adapter : adapters) apply_adapter(ex, x, y, adapter);
}

Status Linear::add_adapter(std::uint16_t id, View2<const float> a, View2<const float> b, float scale) {
  if (id == 0) return fail(Errc::invalid_argument, "adapter id 0 means none: ids start at 1");
  if (a.cols != impl_->n_in || b.rows != impl_->n_out || a.rows != b.cols || a.rows == 0)
    return fail(Errc::invalid_argument,
                fmt::format("an adapter of {} x {} and {} x {} does not fit a matrix of {} x {}", b.rows, b.cols,
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

}  // namespace zenith::kernels
