#include "colours.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace zenith::media {
namespace {

Colour middle(std::vector<cv::Vec3b>& pixels) {
  Colour out{0, 0, 0};
  if (pixels.empty()) return out;
  const auto half = pixels.begin() + static_cast<std::ptrdiff_t>(pixels.size() / 2);
  for (int c = 0; c < 3; ++c) {
    std::nth_element(pixels.begin(), half, pixels.end(), [c](const auto& a, const auto& b) { return a[c] < b[c]; });
    out[c] = (*half)[c];
  }
  return out;
}

float luminance(const Colour& c) noexcept {
  const auto linear = [](float value) {
    const float v = value / 255;
    return v <= 0.03928F ? v / 12.92F : std::pow((v + 0.055F) / 1.055F, 2.4F);
  };
  return 0.0722F * linear(c[0]) + 0.7152F * linear(c[1]) + 0.2126F * linear(c[2]);
}

}  // namespace

Colour ring_colour(const cv::Mat& bgr, const cv::Rect& box, int inset) {
  const cv::Rect ring{box.x + inset, box.y + inset, box.width - 2 * inset, box.height - 2 * inset};
  const cv::Rect screen{0, 0, bgr.cols, bgr.rows};
  std::vector<cv::Vec3b> pixels;
  const auto take = [&](int x, int y) {
    if (screen.contains({x, y})) pixels.push_back(bgr.at<cv::Vec3b>(y, x));
  };
  for (int x = ring.x; x < ring.br().x; ++x) {
    take(x, ring.y);
    take(x, ring.br().y - 1);
  }
  for (int y = ring.y; y < ring.br().y; ++y) {
    take(ring.x, y);
    take(ring.br().x - 1, y);
  }
  return middle(pixels);
}

Colour ink_colour(const cv::Mat& bgr, const cv::Rect& box, const Colour& ground) {
  const cv::Rect inside = box & cv::Rect{0, 0, bgr.cols, bgr.rows};
  std::vector<std::pair<float, cv::Vec3b>> pixels;
  for (int y = inside.y; y < inside.br().y; ++y) {
    for (int x = inside.x; x < inside.br().x; ++x) {
      const auto& pixel = bgr.at<cv::Vec3b>(y, x);
      pixels.emplace_back(difference(Colour(pixel), ground), pixel);
    }
  }
  if (pixels.empty()) return ground;
  const auto most = static_cast<std::ptrdiff_t>(std::max<std::size_t>(1, pixels.size() / 20));
  std::nth_element(pixels.begin(), pixels.begin() + most - 1, pixels.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<cv::Vec3b> ink;
  for (auto it = pixels.begin(); it != pixels.begin() + most; ++it) ink.push_back(it->second);
  return middle(ink);
}

float variety(const cv::Mat& bgr, const cv::Rect& box) {
  cv::Scalar mean, deviation;
  cv::meanStdDev(bgr(box & cv::Rect{0, 0, bgr.cols, bgr.rows}), mean, deviation);
  return static_cast<float>(std::sqrt(deviation.dot(deviation) / 3));
}

float difference(const Colour& a, const Colour& b) noexcept {
  return std::max({std::abs(a[0] - b[0]), std::abs(a[1] - b[1]), std::abs(a[2] - b[2])});
}

float contrast(const Colour& a, const Colour& b) noexcept {
  const float one = luminance(a) + 0.05F, other = luminance(b) + 0.05F;
  return std::max(one, other) / std::min(one, other);
}

bool is_link_colour(const Colour& c) noexcept { return c[0] > 120 && c[0] - c[2] > 60 && c[0] - c[1] > 30; }

}  // namespace zenith::media
