// Weights in the layout of int_dot.hpp.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>

#include "int_dot.hpp"
#include "zenith/core/dtype.hpp"

namespace zenith::kernels {

/// 64-byte aligned bytes, on huge pages where the kernel grants them (advice only).
class AlignedBytes {
 public:
  AlignedBytes() = default;
  explicit AlignedBytes(std::size_t size);  ///< throws std::bad_alloc
  unsigned char* data() noexcept { return data_.get(); }
  const unsigned char* data() const noexcept { return data_.get(); }
  std::size_t size() const noexcept { return size_; }

 private:
  struct Free {
    void operator()(unsigned char* p) const noexcept;
  };
  std::unique_ptr<unsigned char, Free> data_;
  std::size_t size_ = 0;
};

struct PackedWeights {
  PackKind kind{};
  std::size_t lanes = 0, n_out = 0, n_in = 0;
  AlignedBytes bytes;

  std::size_t block_bytes() const noexcept { return pack_block_bytes(kind, lanes); }
  std::size_t group_bytes() const noexcept { return n_in / 32 * block_bytes(); }
};

/// How a type is packed; nothing for types that are not quantised.
std::optional<PackKind> pack_kind(DType type) noexcept;

/// @param rows [n_out] rows in file layout. @pre pack_kind(type), n_in % 32 == 0.
PackedWeights pack(DType type, std::span<const std::byte> rows, std::size_t n_out, std::size_t n_in, std::size_t lanes);

/// Row `o` as floats: the same bits as dequantize_row of the row that was packed.
void unpack_row(const PackedWeights& weights, std::size_t o, std::span<float> out) noexcept;

}  // namespace zenith::kernels
