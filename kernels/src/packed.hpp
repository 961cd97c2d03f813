// Weights in the layout of int_dot.hpp.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>

#include "int_dot.hpp"
#include "zenith/core/dtype.hpp"
#include "zenith/kernels/weight_memory.hpp"

namespace zenith::kernels {

/// Goes up with every change of what pack() writes: packed weights are kept on disk.
inline constexpr int kPackRevision = 1;

struct PackedWeights {
  PackKind kind{};
  std::size_t lanes = 0, n_out = 0, n_in = 0;
  std::span<const unsigned char> bytes;
  std::shared_ptr<WeightMemory> memory;  ///< in which `bytes` lie

  std::size_t block_bytes() const noexcept { return pack_block_bytes(kind, lanes); }
  std::size_t group_bytes() const noexcept { return n_in / 32 * block_bytes(); }
};

/// How a type is packed; nothing for types that are not quantised.
std::optional<PackKind> pack_kind(DType type) noexcept;

/// @param rows [n_out] rows in file layout. @param memory not null. @pre pack_kind(type), n_in % 32 == 0. Throws
/// std::bad_alloc.
PackedWeights pack(DType type, std::span<const std::byte> rows, std::size_t n_out, std::size_t n_in, std::size_t lanes,
                   std::shared_ptr<WeightMemory> memory);

/// Row `o` as floats: the same bits as dequantize_row of the row that was packed.
void unpack_row(const PackedWeights& weights, std::size_t o, std::span<float> out) noexcept;

}  // namespace zenith::kernels
