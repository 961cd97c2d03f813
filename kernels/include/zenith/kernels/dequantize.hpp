// Blocks to floats. Formats as in the GGUF specification (ggml's block layouts).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "zenith/core/dtype.hpp"
#include "zenith/core/error.hpp"

namespace zenith::kernels {

/// out[i] = element i of the row at `bytes`. @pre bytes.size() == row_bytes(type, out.size()). Any alignment. Exact:
/// each value is the f32 nearest to (or, for d*q+m, the fused result of) the stored block's formula.
/// @returns unsupported for a dtype that has no float meaning.
Status dequantize_row(DType type, std::span<const std::byte> bytes, std::span<float> out) noexcept;

float f16_to_f32(std::uint16_t bits) noexcept;
std::uint16_t f32_to_f16(float value) noexcept;  ///< round to nearest even
float bf16_to_f32(std::uint16_t bits) noexcept;
std::uint16_t f32_to_bf16(float value) noexcept;  ///< round to nearest even, NaN stays NaN

}  // namespace zenith::kernels
