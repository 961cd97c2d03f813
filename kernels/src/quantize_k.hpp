// GGUF's blocks of 256 with quantised scales.
#pragma once

#include <cstddef>

namespace zenith::kernels {

constexpr std::size_t kSuperBlock = 256;

/// One block: `x` f32 [256], finite; `out` 144, 176, 210 bytes.
void quantize_q4_k(const float* x, std::byte* out) noexcept;
void quantize_q5_k(const float* x, std::byte* out) noexcept;
void quantize_q6_k(const float* x, std::byte* out) noexcept;

}  // namespace zenith::kernels
