// Dot products of f32 rows with f32 rows, in register tiles; and rows of half-width floats made f32.
#pragma once

#include <cstddef>
#include <cstdint>

namespace zenith::kernels {

/// y[r, c] = x[r] . w[c] for r < rows <= 4, c < cols <= 4; rows of x and w are n floats, at any alignment. Each sum
/// runs through the lanes of one vector in order and has the same bits in a tile of any size.
struct FloatTile {
  const float* x;
  std::size_t x_stride;
  const float* const* w;  ///< [cols]
  std::size_t rows, cols, n;
  float* y;  ///< [rows, 4]
};
void float_tile(const FloatTile& tile) noexcept;

void f16_row(const std::byte* from, float* to, std::size_t n) noexcept;   ///< any alignment
void bf16_row(const std::byte* from, float* to, std::size_t n) noexcept;  ///< any alignment

}  // namespace zenith::kernels
