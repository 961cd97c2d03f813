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

// A packed copy takes the place of the file's bytes, which the system may then drop; biases alone do not.
std::uint64_t resident(const kernels::Linear& linear, std::uint64_t file_bytes) {
  const std::uint64_t owned = linear.owned_bytes();
  return owned >= file_bytes / 2 ? owned : owned + file_bytes;
}

}  // namespace

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
  auto made = kernels::Linear::make(tensor->dtype, bytes, n_out, n_in, offsets, true, packed_);
  if (!made) {
    refuse({made.error().code, fmt::format("tensor {}: {}", printable(name), made.error().message), name, {}});
    return std::nullopt;
  }
  resident_bytes_ += resident(*made, bytes.size());
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
