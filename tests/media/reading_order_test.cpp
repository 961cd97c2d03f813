// Pages as boxes, and the order in which they are read.
#include "reading_order.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace zenith::media {
namespace {

using testing::ElementsAre;

Bounds line(float x, float y, float width = 200, float height = 20) { return {x, y, x + width, y + height}; }

TEST(reading_order, lines_go_from_the_top) {
  EXPECT_THAT(reading_order({line(0, 90), line(0, 0), line(0, 40)}), ElementsAre(1, 2, 0));
}

TEST(reading_order, two_columns_of_text_are_read_one_after_the_other) {
  const std::vector<Bounds> page{line(0, 0, 460), line(0, 40),  line(260, 42), line(0, 70),
                                 line(260, 72),   line(0, 100), line(260, 102)};
  EXPECT_THAT(reading_order(page), ElementsAre(0, 1, 3, 5, 2, 4, 6));
}

TEST(reading_order, rows_of_a_form_stay_rows) {
  const std::vector<Bounds> form{line(0, 0, 60),    line(300, 2, 80), line(0, 40, 50),
                                 line(300, 41, 80), line(0, 80, 70),  line(300, 79, 80)};
  EXPECT_THAT(reading_order(form), ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST(reading_order, lines_that_overlap_are_rows_from_the_left) {
  EXPECT_THAT(reading_order({line(300, 5), line(0, 0), line(600, 12)}), ElementsAre(1, 0, 2));
}

TEST(reading_order, nothing_and_one) {
  EXPECT_TRUE(reading_order({}).empty());
  EXPECT_THAT(reading_order({line(5, 5)}), ElementsAre(0));
}

TEST(reading_order, a_thousand_lines_are_each_there_once) {
  std::vector<Bounds> page;
  for (int i = 0; i < 1000; ++i)
    page.push_back(line(static_cast<float>(i * 37 % 500), static_cast<float>(i * 91 % 4000)));
  auto order = reading_order(page);
  std::sort(order.begin(), order.end());
  for (std::size_t i = 0; i < order.size(); ++i) EXPECT_EQ(order[i], i);
}

}  // namespace
}  // namespace zenith::media
