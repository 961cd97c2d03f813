// From the recogniser's numbers to text; where words begin.
#include "text_line.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <opencv2/imgproc.hpp>

#include "word_gaps.hpp"

namespace zenith::media {
namespace {

using testing::ElementsAre;
using testing::FloatNear;

std::vector<float> steps(const std::vector<std::size_t>& best, std::size_t alphabet, float sure = 0.8F) {
  std::vector<float> out;
  for (const auto symbol : best) {
    for (std::size_t i = 0; i < alphabet; ++i)
      out.push_back(i == symbol ? sure : (1 - sure) / static_cast<float>(alphabet - 1));
  }
  return out;
}

TEST(alphabet, is_a_blank_the_characters_and_a_space) {
  EXPECT_THAT(alphabet_of("a\nb\r\n漢\n"), ElementsAre("", "a", "b", "漢", " "));
}

TEST(ctc, repeats_fall_together_and_blanks_part_them) {
  const auto alphabet = alphabet_of("a\nb\n");
  const auto read = decode_ctc(steps({0, 1, 1, 0, 1, 2, 2, 3, 0, 0}, alphabet.size()), alphabet);
  EXPECT_EQ(read.text, "aab ");
  EXPECT_THAT(read.confidence, FloatNear(0.8F, 1e-5F));
  EXPECT_THAT(read.centres, ElementsAre(FloatNear(0.15F, 1e-5F), FloatNear(0.45F, 1e-5F), FloatNear(0.55F, 1e-5F),
                                        FloatNear(0.75F, 1e-5F)));
}

TEST(ctc, blanks_alone_are_no_text) {
  const auto alphabet = alphabet_of("a\n");
  const auto read = decode_ctc(steps({0, 0, 0}, alphabet.size()), alphabet);
  EXPECT_EQ(read.text, "");
  EXPECT_EQ(read.confidence, 0);
}

/// A line whose letters are bars at those columns.
cv::Mat bars(std::initializer_list<cv::Range> columns) {
  cv::Mat line(48, 200, CV_8UC3, cv::Scalar(255, 255, 255));
  for (const auto& range : columns) line.colRange(range).rowRange(8, 40) = cv::Scalar(20, 20, 20);
  return line;
}

TEST(word_gaps, a_wide_gap_is_a_blank_and_a_narrow_one_is_not) {
  ReadText read{"abcd", 1, {0.05F, 0.15F, 0.35F, 0.45F}};
  part_words(bars({{0, 18}, {22, 38}, {62, 78}, {82, 98}}), read);
  EXPECT_EQ(read.text, "ab cd");
  ASSERT_EQ(read.centres.size(), 5U);
  EXPECT_TRUE(std::is_sorted(read.centres.begin(), read.centres.end()));
}

TEST(word_gaps, numbers_and_chinese_are_left_alone) {
  const auto line = bars({{0, 18}, {30, 38}, {52, 70}});
  ReadText number{"3.2", 1, {0.045F, 0.17F, 0.3F}};
  part_words(line, number);
  EXPECT_EQ(number.text, "3.2");
  ReadText chinese{"漢字体", 1, {0.045F, 0.17F, 0.3F}};
  part_words(line, chinese);
  EXPECT_EQ(chinese.text, "漢字体");
}

TEST(word_gaps, numbers_part_where_more_than_a_digit_would_fit) {
  ReadText read{"1234", 1, {0.05F, 0.15F, 0.35F, 0.45F}};
  part_words(bars({{0, 18}, {22, 38}, {62, 78}, {82, 98}}), read);
  EXPECT_EQ(read.text, "12 34");
  ReadText narrow{"1234", 1, {0.05F, 0.15F, 0.28F, 0.38F}};
  part_words(bars({{0, 18}, {22, 38}, {50, 66}, {70, 86}}), narrow);
  EXPECT_EQ(narrow.text, "1234");
}

TEST(word_gaps, a_full_stop_belongs_to_the_word_before_it) {
  const auto line = bars({{0, 18}, {22, 38}, {42, 58}, {62, 78}, {102, 106}, {130, 146}});
  const std::vector<float> centres{0.045F, 0.15F, 0.25F, 0.35F, 0.52F, 0.69F};
  ReadText stop{"abcd.e", 1, centres};
  part_words(line, stop);
  EXPECT_EQ(stop.text, "abcd. e");
  ReadText option{"abcd--", 1, centres};
  part_words(line, option);
  EXPECT_EQ(option.text, "abcd --");
}

TEST(word_gaps, the_line_under_a_link_is_no_letter) {
  cv::Mat line = bars({{0, 18}, {22, 38}, {62, 78}, {82, 98}});
  line.colRange(0, 100).rowRange(40, 42) = cv::Scalar(20, 20, 20);
  ReadText read{"abcd", 1, {0.05F, 0.15F, 0.35F, 0.45F}};
  part_words(line, read);
  EXPECT_EQ(read.text, "ab cd");
}

TEST(word_gaps, one_that_was_read_says_how_wide_they_are) {
  // 44 pixels at the one that was read: 16 are none.
  ReadText read{"ab cd", 1, {0.05F, 0.16F, 0.3F, 0.45F, 0.58F}};
  part_words(bars({{0, 14}, {18, 38}, {82, 98}, {114, 130}}), read);
  EXPECT_EQ(read.text, "ab cd");
}

TEST(word_gaps, blanks_that_were_read_stay_single) {
  ReadText read{"a b", 1, {0.05F, 0.2F, 0.35F}};
  part_words(bars({{0, 18}, {62, 78}}), read);
  EXPECT_EQ(read.text, "a b");
}

}  // namespace
}  // namespace zenith::media
