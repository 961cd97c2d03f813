#include "pixels.hpp"

#include <algorithm>
#include <cmath>

namespace zenith::media {

Batch empty_batch(std::size_t n, cv::Size size) {
  Batch out{{n, 3, static_cast<std::size_t>(size.height), static_cast<std::size_t>(size.width)}, {}};
  out.values.resize(n * 3 * static_cast<std::size_t>(size.area()));
  return out;
}

void put_pixels(const cv::Mat& bgr, std::size_t n, Batch& batch) {
  const std::size_t height = batch.shape[2], width = batch.shape[3];
  for (int y = 0; y < bgr.rows; ++y) {
    const auto* from = bgr.ptr<cv::Vec3b>(y);
    for (std::size_t c = 0; c < 3; ++c) {
      float* to = batch.values.data() + ((n * 3 + c) * height + static_cast<std::size_t>(y)) * width;
      for (int x = 0; x < bgr.cols; ++x) to[x] = static_cast<float>(from[x][static_cast<int>(c)]) / 127.5F - 1.0F;
    }
  }
}

cv::Size whole_blocks(cv::Size size, double ratio, int multiple) {
  const auto side = [&](int pixels) {
    const double blocks = std::trunc(pixels * ratio) / multiple;
    return std::max(1, static_cast<int>(std::nearbyint(blocks))) * multiple;
  };
  return {side(size.width), side(size.height)};
}

}  // namespace zenith::media
