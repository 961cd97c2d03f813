// Where the text lines of a picture are: differentiable binarisation. Source: arXiv:1911.08947; the numbers are those
// of PP-OCRv4's published configuration.
#pragma once

#include <array>
#include <opencv2/core.hpp>
#include <vector>

#include "onnx_graph.hpp"

namespace zenith::media {

/// Corners of a line: top left, top right, bottom right, bottom left. Whole pixels.
using Corners = std::array<cv::Point2f, 4>;

/// The network's input: the shorter side at least 736 pixels, the longer at most 4096, both multiples of 32.
cv::Size detector_size(cv::Size picture);

/// From the map of probabilities to lines, in the pixels of a picture of that size; from the top, within a row from the
/// left. @param map f32, one channel. At most 1000 lines.
std::vector<Corners> lines_of_map(const cv::Mat& map, cv::Size picture);

/// @param bgr u8. @returns internal when the graph fails or has another output than one map of the input's size.
Expected<std::vector<Corners>> detect_lines(OnnxGraph& graph, const cv::Mat& bgr);

}  // namespace zenith::media
