// Polygons grown as Clipper grows them (tests/parity/ocr_golden.py wrote what it does).
#include "unclip.hpp"

#include <gtest/gtest.h>

#include <opencv2/imgproc.hpp>

#include "vision_fixture.hpp"

namespace zenith::media {
namespace {

using Points = std::vector<cv::Point>;

Points points_of(const nlohmann::json& json) {
  Points out;
  for (const auto& p : json) out.emplace_back(p[0].get<int>(), p[1].get<int>());
  return out;
}

Points hull(const Points& points) {
  Points out;
  cv::convexHull(points, out);
  std::sort(out.begin(), out.end(), [](auto a, auto b) { return a.x != b.x ? a.x < b.x : a.y < b.y; });
  return out;
}

TEST(unclip, grows_every_polygon_as_the_reference_does) {
  const auto json = nlohmann::json::parse(testing::vision_file("grown.json"));
  ASSERT_GE(json.at("polygons").size(), 40U);
  for (const auto& row : json.at("polygons")) {
    const auto ours = grown_polygon(points_of(row.at("corners")), row.at("distance").get<double>());
    EXPECT_EQ(hull(ours), hull(points_of(row.at("grown")))) << row.at("corners").dump();
  }
}

TEST(unclip, what_cannot_grow_stays) {
  const Points line{{3, 3}, {9, 3}, {9, 3}, {3, 3}}, square{{0, 0}, {4, 0}, {4, 4}, {0, 4}};
  EXPECT_EQ(grown_polygon(line, 5), line);
  EXPECT_EQ(grown_polygon(square, 0), square);
}

TEST(unclip, the_direction_of_the_corners_does_not_matter) {
  const Points one{{0, 0}, {40, 0}, {40, 8}, {0, 8}}, other{{0, 8}, {40, 8}, {40, 0}, {0, 0}};
  EXPECT_EQ(hull(grown_polygon(one, 5)), hull(grown_polygon(other, 5)));
}

TEST(unclip, by_area_and_circumference) {
  // 40 x 10: 400 · 1.5 / 100 = 6 on every side.
  const auto rect = unclip({cv::Point2f{20, 20}, {60, 20}, {60, 30}, {20, 30}}, 1.5);
  const auto box = rect.boundingRect2f();
  EXPECT_NEAR(box.x, 14, 1e-3);
  EXPECT_NEAR(box.y, 14, 1e-3);
  EXPECT_NEAR(box.width, 52, 1e-3);
  EXPECT_NEAR(box.height, 22, 1e-3);
}

}  // namespace
}  // namespace zenith::media
