#include "rectangles.hpp"

#include <algorithm>
#include <opencv2/imgproc.hpp>

namespace zenith::media {
namespace {

constexpr double kFaint = 30, kClear = 60;  // Canny's thresholds, four times a step of grey: pale borders, no gradients
constexpr int kFrame = 2;                   // drawn around the picture, so that bands that touch its sides are closed
constexpr int kNarrowest = 16, kLowest = 12;
constexpr float kFilled = 0.85F;
constexpr int kSame = 6;  // pixels: the two sides of one border
constexpr std::size_t kMost = 2000;

cv::Mat edges_of(const cv::Mat& bgr) {
  std::vector<cv::Mat> channels;
  cv::split(bgr, channels);
  cv::Mat edges = cv::Mat::zeros(bgr.size(), CV_8U);
  for (const auto& channel : channels) {
    cv::Mat one;
    cv::Canny(channel, one, kFaint, kClear);
    edges |= one;
  }
  cv::copyMakeBorder(edges, edges, kFrame, kFrame, kFrame, kFrame, cv::BORDER_CONSTANT, 255);
  cv::dilate(edges, edges, cv::Mat::ones(3, 3, CV_8U));  // closes one missing pixel
  return edges;
}

bool same(const cv::Rect& a, const cv::Rect& b) {
  const auto near = [](int x, int y) { return std::abs(x - y) <= kSame; };
  return near(a.x, b.x) && near(a.y, b.y) && near(a.br().x, b.br().x) && near(a.br().y, b.br().y);
}

cv::Rect between(const cv::Rect& a, const cv::Rect& b) {
  const cv::Point from = (a.tl() + b.tl()) / 2, to = (a.br() + b.br()) / 2;
  return {from, to};
}

}  // namespace

std::vector<Rectangle> rectangles_of(const cv::Mat& bgr) {
  std::vector<std::vector<cv::Point>> contours;
  cv::findContours(edges_of(bgr), contours, cv::RETR_LIST, cv::CHAIN_APPROX_SIMPLE, {-kFrame, -kFrame});
  const cv::Rect screen{0, 0, bgr.cols, bgr.rows};
  std::vector<Rectangle> found;
  for (const auto& contour : contours) {
    cv::Rect box = cv::boundingRect(contour) & screen;
    if (box.width < kNarrowest || box.height < kLowest || same(box, screen)) continue;
    const auto filled = static_cast<float>(cv::contourArea(contour) / std::max(1, cv::boundingRect(contour).area()));
    if (filled >= kFilled) found.push_back({box, std::min(filled, 1.0F)});
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Rectangle& a, const Rectangle& b) { return a.box.area() > b.box.area(); });
  std::vector<Rectangle> out;
  for (const auto& rectangle : found) {
    const auto known =
        std::find_if(out.begin(), out.end(), [&](const Rectangle& o) { return same(o.box, rectangle.box); });
    if (known != out.end()) {
      known->box = between(known->box, rectangle.box);  // the outer side of the edge, then its inner one
    } else if (out.size() < kMost) {
      out.push_back(rectangle);
    }
  }
  return out;
}

}  // namespace zenith::media
