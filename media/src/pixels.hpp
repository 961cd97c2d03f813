// Pictures as input of the graphs: f32 [n, 3, height, width], blue first, -1 … 1.
#pragma once

#include <opencv2/core.hpp>

#include "onnx_graph.hpp"

namespace zenith::media {

/// All zeros, which is middle grey. @param size of each of the n pictures.
Batch empty_batch(std::size_t n, cv::Size size);

/// The picture's pixels as row `n` of the batch, at its top left. @pre bgr is u8 and fits.
void put_pixels(const cv::Mat& bgr, std::size_t n, Batch& batch);

/// The size times the ratio, its sides rounded to multiples; at least one each. As Python rounds: halves to even.
cv::Size whole_blocks(cv::Size size, double ratio, int multiple);

}  // namespace zenith::media
