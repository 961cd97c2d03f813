#include "arch/tensor_loader.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "weights/stored_source.hpp"
#include "zenith/kernels/dequantize.hpp"

namespace zenith::models {
namespace {

// [1, n] and [n, 1] are the vector [n].
bool same_shape(std::span<const std::uint64_t> have, std::span<const std::uint64_t> want) {
  if (std::ranges::equal(have, want)) return true;
  const auto elements = checked_elements(have);
  return want.size() == 1 && elements == want[0] && std::ranges::find(have, want[0]) != have.end();
}

}  // namespace

TensorLoader::TensorLoader(const WeightSource& source, const LoadOptions& options)
    : source_(source),
      packed_(options.tensors != nullptr ? *options.tensors : own_),
      exact_(options.numerics == kernels::Numerics::exact) {}

std::optional<kernels::Linear> TensorLoader::refuse_linear(const std::string& name, Error error) {
  refuse({error.code, fmt::format("tensor {}: {}", printable(name), error.message), name, {}});
  return std::nullopt;
}

void TensorLoader::refuse(Error error) {
  if (!error_) error_ = std::move(error);
}

const TensorView* TensorLoader::find(const std::string& name, std::span<const std::uint64_t> shape) {
  if (error_) return nullptr;
  const TensorView* tensor = source_.find(name);
  if (tensor == nullptr) {
    refuse({Errc::bad_file,
            fmt::format("tensor {} is missing; its shape would be [{}]", printable(name), fmt::join(shape, ", ")),
            name,
            {}});
    return nullptr;
  }
  if (!same_shape(tensor->shape, shape)) {
    refuse({Errc::bad_file,
            fmt::format("tensor {} has the shape [{}], [{}] is needed (rows first)", printable(name),
                        fmt::join(tensor->shape, ", "), fmt::join(shape, ", ")),
            name,
            {}});
    return nullptr;
  }
  if (used_.insert(name).second) parameters_ += tensor->elements();
  return tensor;
}

std::vector<float> TensorLoader::vector(const std::string& name, std::size_t count) {
  const TensorView* tensor = find(name, std::array<std::uint64_t, 1>{count});
  if (tensor == nullptr) return {};
  std::vector<float> values(count);
  if (auto ok = kernels::dequantize_row(tensor->dtype, tensor->bytes, values); !ok) {
    refuse({ok.error().code, fmt::format("tensor {}: {}", printable(name), ok.error().message), name, {}});
    return {};
  }
  resident_bytes_ += count * sizeof(float);
  return values;
}

const TensorView* TensorLoader::table(const std::string& name, std::size_t rows, std::size_t cols) {
  const TensorView* tensor = find(name, std::array<std::uint64_t, 2>{rows, cols});
  if (tensor == nullptr) return nullptr;
  std::vector<float> probe(cols);  // tells now whether the type can be read
  if (auto ok = kernels::dequantize_row(tensor->dtype, tensor->bytes.first(row_bytes(tensor->dtype, cols)), probe);
      !ok) {
    refuse({ok.error().code, fmt::format("tensor {}: {}", printable(name), ok.error().message), name, {}});
    return nullptr;
  }
  resident_bytes_ += tensor->bytes.size();
  return tensor;
}

std::optional<kernels::Linear> TensorLoader::linear(const std::string& name, std::size_t n_out, std::size_t n_in,
                                                    const std::string& bias) {
  return linear_slice(name, n_out, n_in, 0, n_out, bias);
}

std::optional<kernels::Linear> TensorLoader::linear_slice(const std::string& name, std::size_t rows, std::size_t n_in,
                                                          std::size_t first, std::size_t n_out,
                                                          const std::string& bias) {
  const TensorView* tensor = find(name, std::array<std::uint64_t, 2>{rows, n_in});
  if (tensor == nullptr) return std::nullopt;
  std::vector<float> offsets;
  if (!bias.empty()) {
    offsets = vector(bias, rows);
    if (error_) return std::nullopt;
    offsets = {offsets.begin() + static_cast<std::ptrdiff_t>(first),
               offsets.begin() + static_cast<std::ptrdiff_t>(first + n_out)};
  }
  const std::size_t stride = row_bytes(tensor->dtype, n_in);
  const auto bytes = tensor->bytes.subspan(first * stride, n_out * stride);
  const bool borrow = exact_ || kernels::Linear::packed_bytes(tensor->dtype, n_out, n_in) == 0;
  PackedPart part{name, tensor->dtype, first, n_out, n_in};
  const auto kept = packed_.find(part);
  auto made = kept ? kernels::Linear::from_packed(tensor->dtype, *kept, n_out, n_in, packed_.memory(), offsets,
                                                  borrow ? bytes : std::span<const std::byte>{})
                   : kernels::Linear::make(tensor->dtype, bytes, n_out, n_in, offsets, borrow, packed_.memory());
  if (!made) return refuse_linear(name, std::move(made.error()));
  if (!kept && !made->packed().empty()) packed_.add(std::move(part), made->packed());
  if (!borrow) source_.release(bytes);
  resident_bytes_ += made->owned_bytes() + (borrow ? bytes.size() : 0);
  return std::optional<kernels::Linear>{std::move(*made)};
}

Status TensorLoader::status(std::string_view architecture) const {
  if (error_) return tl::make_unexpected(*error_);
  for (const std::string_view name : source_.tensor_names()) {
    if (used_.contains(name)) continue;
    return fail(Errc::unsupported,
                fmt::format("tensor {} is no part of the architecture '{}' as we know it: the answers would be wrong",
                            printable(name), architecture),
                std::string{name});
  }
  return {};
}

}  // namespace zenith::models
