// Activations as 16-bit integers with a scale for each 32 elements: what the integer dot product takes.
//
// Why 16 bits: with 8, SmolLM2's logits differ from F32 activations by nmse 1.6e-3 on average and 2e-2 on the worst row
// of a chat prompt; with 16, by 4.6e-8 (tests/parity measures ours). A 16-bit multiply-add costs twice the 8-bit one on
// AVX2, which decode, bound by memory, does not see.
#pragma once

#include <cstddef>
#include <cstdint>

#include "zenith/core/view.hpp"
#include "zenith/kernels/exec.hpp"

namespace zenith::kernels {

/// x[t, 32 b + i] ~ scale[t, b] * q[t, 32 b + i]. All in one workspace allocation. A block that holds an infinity or a
/// NaN has scale NaN.
struct QuantizedRows {
  std::size_t rows = 0, blocks = 0;
  std::int16_t* q = nullptr;     ///< [rows, blocks * 32]
  float* scale = nullptr;        ///< [rows, blocks]
  float* sum = nullptr;          ///< [rows, blocks]: scale * isum
  std::int32_t* isum = nullptr;  ///< [rows, blocks]: the sum of the block's integers
};

/// @pre x.cols % 32 == 0. The result lives in ex.workspace.
const QuantizedRows* quantize_rows(Exec& ex, View2<const float> x);

}  // namespace zenith::kernels
