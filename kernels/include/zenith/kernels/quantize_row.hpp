// Floats to blocks: the reverse of dequantize_row. Formats as in the GGUF specification (ggml's block layouts).
#pragma once

#include <cstddef>
#include <span>

#include "zenith/core/dtype.hpp"
#include "zenith/core/error.hpp"

namespace zenith::kernels {

/// The largest magnitude that a type with F16 values or scales can hold.
inline constexpr float kMostF16 = 65504.0F;

/// `out` becomes the row in file layout. @pre row.size() is a multiple of the type's block, out.size() ==
/// row_bytes(type, row.size()). Any alignment of `out`. The same bits on every machine.
/// Q8_0 Q4_0 Q4_1 Q5_0 Q5_1 F16 BF16: the bits that the `gguf` package writes. Q4_K Q5_K Q6_K: weighted least squares
/// over the scales of each sub-block, then over the neighbours of their rounded codes and the block's units; a row's
/// squared error is no larger than under ggml's reference quantiser (tests/kernels/quantize_row_test.cpp).
/// @returns invalid_argument naming the element when it is NaN or beyond kMostF16 (F32 and BF16 take anything);
/// unsupported for integers.
Status quantize_row(DType type, std::span<const float> row, std::span<std::byte> out) noexcept;

}  // namespace zenith::kernels
