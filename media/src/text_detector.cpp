#include "text_detector.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <optional>

#include "pixels.hpp"
#include "unclip.hpp"

namespace zenith::media {
namespace {

constexpr int kShorterSide = 736, kLongestSide = 4096, kMultiple = 32;
constexpr float kPixelIsText = 0.3F, kBoxIsText = 0.5F;
constexpr double kUnclip = 1.6;
constexpr float kThinnestCore = 3, kThinnestLine = 5;
constexpr std::size_t kMostLines = 1000;
constexpr float kSameRow = 10;  // pixels

/// Top left, top right, bottom right, bottom left: by x first, then by y in each half.
Corners in_order(std::array<cv::Point2f, 4> points) {
  std::stable_sort(points.begin(), points.end(), [](const auto& a, const auto& b) { return a.x < b.x; });
  if (points[1].y < points[0].y) std::swap(points[0], points[1]);
  if (points[3].y < points[2].y) std::swap(points[2], points[3]);
  return {points[0], points[2], points[3], points[1]};
}

Corners corners_of(const cv::RotatedRect& rect) {
  std::array<cv::Point2f, 4> points;
  rect.points(points.data());
  return in_order(points);
}

float mean_inside(const cv::Mat& map, const Corners& box) {
  float left = box[0].x, top = box[0].y, right = left, bottom = top;
  for (const auto& p : box) {
    left = std::min(left, p.x);
    top = std::min(top, p.y);
    right = std::max(right, p.x);
    bottom = std::max(bottom, p.y);
  }
  const auto clip = [](float value, int most) { return std::clamp(static_cast<int>(value), 0, most); };
  const int x0 = clip(std::floor(left), map.cols - 1), y0 = clip(std::floor(top), map.rows - 1);
  const int x1 = clip(std::ceil(right), map.cols - 1), y1 = clip(std::ceil(bottom), map.rows - 1);
  cv::Mat mask = cv::Mat::zeros(y1 - y0 + 1, x1 - x0 + 1, CV_8U);
  std::array<cv::Point, 4> polygon;
  for (std::size_t i = 0; i < 4; ++i) {
    polygon[i] = {static_cast<int>(box[i].x - static_cast<float>(x0)),
                  static_cast<int>(box[i].y - static_cast<float>(y0))};
  }
  cv::fillPoly(mask, std::vector<std::vector<cv::Point>>{{polygon.begin(), polygon.end()}}, 1);
  return static_cast<float>(cv::mean(map({x0, y0, x1 - x0 + 1, y1 - y0 + 1}), mask)[0]);
}

/// Into the picture's pixels; nothing when too thin there.
std::optional<Corners> placed(const cv::RotatedRect& rect, cv::Size map, cv::Size picture) {
  Corners box = corners_of(rect);
  const auto scale = [](float value, int from, int to) {
    const float scaled = std::nearbyint(value / static_cast<float>(from) * static_cast<float>(to));
    return std::clamp(scaled, 0.0F, static_cast<float>(to));
  };
  for (auto& p : box) p = {scale(p.x, map.width, picture.width), scale(p.y, map.height, picture.height)};
  box = in_order(box);
  for (auto& p : box) {
    p.x = std::min(p.x, static_cast<float>(picture.width - 1));
    p.y = std::min(p.y, static_cast<float>(picture.height - 1));
  }
  if (std::trunc(cv::norm(box[0] - box[1])) <= 3 || std::trunc(cv::norm(box[0] - box[3])) <= 3) return std::nullopt;
  return box;
}

void sort_by_rows(std::vector<Corners>& boxes) {
  std::stable_sort(boxes.begin(), boxes.end(), [](const Corners& a, const Corners& b) {
    return a[0].y != b[0].y ? a[0].y < b[0].y : a[0].x < b[0].x;
  });
  for (std::size_t i = 1; i < boxes.size(); ++i) {
    for (std::size_t j = i; j > 0; --j) {
      if (std::abs(boxes[j][0].y - boxes[j - 1][0].y) >= kSameRow || boxes[j][0].x >= boxes[j - 1][0].x) break;
      std::swap(boxes[j], boxes[j - 1]);
    }
  }
}

}  // namespace

cv::Size detector_size(cv::Size picture) {
  const double shorter = std::min(picture.width, picture.height), longer = std::max(picture.width, picture.height);
  double ratio = shorter < kShorterSide ? kShorterSide / shorter : 1.0;
  ratio = std::min(ratio, kLongestSide / longer);
  return whole_blocks(picture, ratio, kMultiple);
}

std::vector<Corners> lines_of_map(const cv::Mat& map, cv::Size picture) {
  cv::Mat is_text = map > kPixelIsText;
  cv::dilate(is_text, is_text, cv::Mat::ones(2, 2, CV_8U));
  std::vector<std::vector<cv::Point>> contours;
  cv::findContours(is_text, contours, cv::RETR_LIST, cv::CHAIN_APPROX_SIMPLE);
  if (contours.size() > kMostLines) contours.resize(kMostLines);
  std::vector<Corners> lines;
  for (const auto& contour : contours) {
    const auto core = cv::minAreaRect(contour);
    if (std::min(core.size.width, core.size.height) < kThinnestCore) continue;
    const Corners corners = corners_of(core);
    if (mean_inside(map, corners) < kBoxIsText) continue;
    const auto grown = unclip(corners, kUnclip);
    if (std::min(grown.size.width, grown.size.height) < kThinnestLine) continue;
    if (const auto box = placed(grown, map.size(), picture)) lines.push_back(*box);
  }
  sort_by_rows(lines);
  return lines;
}

Expected<std::vector<Corners>> detect_lines(OnnxGraph& graph, const cv::Mat& bgr) {
  const cv::Size size = detector_size(bgr.size());
  cv::Mat resized;
  cv::resize(bgr, resized, size);
  Batch input = empty_batch(1, size);
  put_pixels(resized, 0, input);
  std::vector<Corners> lines;
  auto ok = graph.run(input, [&](std::span<const std::size_t> shape, std::span<const float> values) -> Status {
    const auto height = static_cast<std::size_t>(size.height), width = static_cast<std::size_t>(size.width);
    if (shape.size() != 4 || shape[0] != 1 || shape[1] != 1 || shape[2] != height || shape[3] != width) {
      return fail(Errc::internal, "the text detector has no map of its input's size as its output");
    }
    const cv::Mat map(size, CV_32F, const_cast<float*>(values.data()));
    lines = lines_of_map(map, bgr.size());
    return {};
  });
  if (!ok) return tl::make_unexpected(ok.error());
  return lines;
}

}  // namespace zenith::media
