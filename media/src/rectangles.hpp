// Rectangles of a screen: what edges enclose.
#pragma once

#include <opencv2/core.hpp>
#include <vector>

namespace zenith::media {

struct Rectangle {
  cv::Rect box;
  float confidence = 0;  ///< 0 … 1: how much of its bounding box the enclosed shape fills
};

/// Borders and filled areas, the larger first, each once. The whole picture is none of them. @param bgr u8.
std::vector<Rectangle> rectangles_of(const cv::Mat& bgr);

}  // namespace zenith::media
