#include "unclip.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <opencv2/imgproc.hpp>

namespace zenith::media {
namespace {

constexpr double kArcTolerance = 0.25;  // pixels between an arc and its chords

int rounded(double value) { return static_cast<int>(value < 0 ? value - 0.5 : value + 0.5); }

double twice_area(const std::vector<cv::Point>& p) {
  double sum = 0;
  for (std::size_t i = 0, before = p.size() - 1; i < p.size(); before = i++) {
    sum += static_cast<double>(p[before].x) * p[i].y - static_cast<double>(p[i].x) * p[before].y;
  }
  return sum;
}

cv::Point2d normal(const cv::Point& a, const cv::Point& b) {
  const double dx = b.x - a.x, dy = b.y - a.y, length = std::sqrt(dx * dx + dy * dy);
  return {dy / length, -dx / length};
}

/// One corner's arc from the normal of the side before it to that of the side behind.
class Arcs {
 public:
  explicit Arcs(double distance) : distance_(distance) {
    const double tolerance = std::min(kArcTolerance, distance * kArcTolerance);
    const double steps = std::min(std::numbers::pi / std::acos(1 - tolerance / distance), distance * std::numbers::pi);
    sin_ = std::sin(2 * std::numbers::pi / steps);
    cos_ = std::cos(2 * std::numbers::pi / steps);
    per_radian_ = steps / (2 * std::numbers::pi);
  }

  void round(const cv::Point& corner, cv::Point2d from, cv::Point2d to, std::vector<cv::Point>& out) const {
    const double sine = std::clamp(from.x * to.y - to.x * from.y, -1.0, 1.0), cosine = from.dot(to);
    const auto put = [&](const cv::Point2d& n) {
      out.emplace_back(rounded(corner.x + n.x * distance_), rounded(corner.y + n.y * distance_));
    };
    if (std::abs(sine * distance_) < 1 && cosine > 0) return put(from);
    const int steps = std::max(rounded(per_radian_ * std::abs(std::atan2(sine, cosine))), 1);
    for (int i = 0; i < steps; ++i) {
      put(from);
      from = {from.x * cos_ - sin_ * from.y, from.x * sin_ + from.y * cos_};
    }
    put(to);
  }

 private:
  double distance_, sin_ = 0, cos_ = 1, per_radian_ = 0;
};

}  // namespace

std::vector<cv::Point> grown_polygon(std::vector<cv::Point> corners, double distance) {
  const std::vector<cv::Point> given = corners;
  corners.erase(std::unique(corners.begin(), corners.end()), corners.end());
  while (corners.size() > 1 && corners.back() == corners.front()) corners.pop_back();
  if (corners.size() < 3 || distance < 1e-9) return given;
  if (twice_area(corners) < 0) std::reverse(corners.begin(), corners.end());
  std::vector<cv::Point2d> normals;
  for (std::size_t i = 0; i < corners.size(); ++i) {
    normals.push_back(normal(corners[i], corners[(i + 1) % corners.size()]));
  }
  const Arcs arcs{distance};
  std::vector<cv::Point> out;
  for (std::size_t i = 0, before = corners.size() - 1; i < corners.size(); before = i++) {
    arcs.round(corners[i], normals[before], normals[i], out);
  }
  return out;
}

cv::RotatedRect unclip(const Corners& core, double ratio) {
  double area = 0, around = 0;
  std::vector<cv::Point> corners;
  for (std::size_t i = 0, before = core.size() - 1; i < core.size(); before = i++) {
    const cv::Point2d a = core[before], b = core[i];
    area += a.x * b.y - b.x * a.y;
    around += std::hypot(b.x - a.x, b.y - a.y);
    corners.emplace_back(static_cast<int>(b.x), static_cast<int>(b.y));
  }
  const double distance = around > 0 ? std::abs(area) / 2 * ratio / around : 0;
  return cv::minAreaRect(grown_polygon(std::move(corners), distance));
}

}  // namespace zenith::media
