// GGUF's quantised blocks as 32 small integers with their scales: what dequantising and packing both start from.
#pragma once

#include <cstddef>
#include <cstdint>

#include "zenith/core/dtype.hpp"

namespace zenith::kernels {

constexpr std::size_t kBlock = 32;  ///< elements that share an activation scale, and the unit of packing

/// 32 consecutive weights of a row: w[i] = d[i / 16] * q[i] + m. d * q is exact in f32, so the sum is rounded once.
struct Block32 {
  float d[2];
  float m;
  std::int8_t q[kBlock];
};

constexpr bool is_quantized(DType type) noexcept { return dtype_info(type).elements > 1; }

/// Elements [32 i, 32 i + 32) of a row in file layout. @pre is_quantized(type)
void decode_block(DType type, const std::byte* row, std::size_t i, Block32& out) noexcept;

/// The floats of a block.
void block_floats(const Block32& block, float* out) noexcept;

}  // namespace zenith::kernels
