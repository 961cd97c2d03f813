// The real model against rapidocr-onnxruntime's output on the same pictures (tests/parity/ocr_golden.py).
#include "zenith/media/ocr.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "vision_fixture.hpp"

namespace zenith::media {
namespace {

using namespace testing;
using ::testing::HasSubstr;

std::string without_blanks(std::string text) {
  std::erase(text, ' ');
  return text;
}

/// Levenshtein's.
std::size_t edits(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, replaced}));
    }
  }
  return row.back();
}

float middle(const Quad& box, float Point::* axis) {
  return (box[0].*axis + box[1].*axis + box[2].*axis + box[3].*axis) / 4;
}

struct Reference {
  std::string text;
  Quad box;
};

std::vector<Reference> reference(const std::string& name) {
  const auto json = nlohmann::json::parse(vision_file("ocr.json"));
  std::vector<Reference> out;
  for (const auto& image : json.at("images")) {
    if (image.at("image") != name) continue;
    for (const auto& line : image.at("lines")) {
      Reference row{line.at("text"), {}};
      for (std::size_t i = 0; i < 4; ++i) row.box[i] = {line.at("box")[i][0], line.at("box")[i][1]};
      out.push_back(std::move(row));
    }
  }
  return out;
}

class Pictures : public ::testing::TestWithParam<const char*> {};
TEST_P(Pictures, read_as_the_reference_reads_them) {
  const std::string name = std::string{GetParam()} + ".png";
  const auto lines = real_ocr().read(picture(name), always);
  ASSERT_TRUE(lines) << lines.error().message;
  const auto expected = reference(name);
  ASSERT_FALSE(expected.empty());
  EXPECT_EQ(lines->size(), expected.size());
  std::size_t wrong = 0, all = 0;
  for (const auto& row : expected) {
    const TextLine* nearest = nullptr;
    float distance = 1e9F;
    for (const auto& line : *lines) {
      const float d = std::abs(middle(line.box, &Point::x) - middle(row.box, &Point::x)) +
                      std::abs(middle(line.box, &Point::y) - middle(row.box, &Point::y));
      if (d < distance) {
        distance = d;
        nearest = &line;
      }
    }
    ASSERT_NE(nearest, nullptr) << row.text;
    EXPECT_LT(distance, 8) << row.text;
    const std::size_t differ = edits(without_blanks(nearest->text), without_blanks(row.text));
    if (differ > 0) std::printf("read '%s', the reference '%s'\n", nearest->text.c_str(), row.text.c_str());
    wrong += differ;
    all += without_blanks(row.text).size();
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_NEAR(nearest->box[i].x, row.box[i].x, 6) << row.text;
      EXPECT_NEAR(nearest->box[i].y, row.box[i].y, 6) << row.text;
    }
    EXPECT_GT(nearest->confidence, 0.5F);
  }
  // One character of a picture that has fewer than fifty is more than its hundredth part.
  EXPECT_LE(wrong * 100, std::max<std::size_t>(all * 2, 100)) << wrong << " of " << all << " characters differ";
}
INSTANTIATE_TEST_SUITE_P(media, Pictures,
                         ::testing::Values("receipt", "columns", "sign", "upside_down", "line", "crooked", "ui_page"),
                         [](const auto& i) { return std::string{i.param}; });

// The detector sees about two thirds of a page of small type, here as there, and not the same lines: 27 of 44 here, 29
// there. A known gap; this keeps it from growing.
TEST(ocr, a_dense_page_has_nine_tenths_of_the_lines_that_the_reference_finds) {
  const auto lines = real_ocr().read(picture("page.png"), always);
  ASSERT_TRUE(lines) << lines.error().message;
  EXPECT_GE(lines->size() * 10, reference("page.png").size() * 9);
}

TEST(ocr, words_keep_their_distance) {
  const auto lines = real_ocr().read(picture("columns.png"), always);
  ASSERT_TRUE(lines);
  std::vector<std::string> texts;
  for (const auto& line : *lines) texts.push_back(line.text);
  // Left column, then right column.
  EXPECT_THAT(texts, ::testing::ElementsAre("The Log of Cape Harrow", "The lighthouse keeper wrote down",
                                            "every ship that passed the cape,", "its flag, its course and the hour.",
                                            "Most nights there was nothing", "to write but the wind and rain.",
                                            "In spring the council sent a clerk", "who counted pages, not ships, and",
                                            "asked why so much ink was used.", "The keeper showed him the sea",
                                            "and let him count the waves."));
}

TEST(ocr, a_picture_without_text_has_no_lines) {
  Image grey{64, 64, std::vector<std::uint8_t>(64 * 64 * 3, 128)};
  EXPECT_TRUE(real_ocr().read(grey, always)->empty());
}

class Shapes : public ::testing::TestWithParam<std::pair<std::uint32_t, std::uint32_t>> {};
TEST_P(Shapes, of_any_proportion_are_read) {
  const auto [width, height] = GetParam();
  const Image image{width, height, std::vector<std::uint8_t>(std::size_t{width} * height * 3, 255)};
  const auto lines = real_ocr().read(image, always);
  ASSERT_TRUE(lines) << lines.error().message;
  EXPECT_TRUE(lines->empty());
}
INSTANTIATE_TEST_SUITE_P(media, Shapes,
                         ::testing::Values(std::pair{1U, 1U}, std::pair{1U, 4000U}, std::pair{4000U, 1U},
                                           std::pair{2500U, 20U}, std::pair{20U, 2500U}));

TEST(ocr, stops_when_nobody_waits) {
  int asked = 0;
  const auto lines = real_ocr().read(picture("ui_page.png"), [&] { return ++asked < 3; });
  ASSERT_FALSE(lines);
  EXPECT_EQ(lines.error().code, Errc::cancelled);
  EXPECT_EQ(asked, 3);
}

TEST(ocr, a_screenshot_takes_how_long) {
  const Image screen = picture("ui_page.png");
  double best = 1e9;
  for (int i = 0; i < 4; ++i) {
    const auto start = std::chrono::steady_clock::now();
    ASSERT_TRUE(real_ocr().read(screen, always));
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::printf("1280 x 800, 13 lines: %.3f s at best\n", best);
  EXPECT_LT(best, 20) << "far from 1.5 s even on a busy machine";
}

TEST(ocr, missing_and_broken_graphs_are_refused_by_their_path) {
  const std::filesystem::path folder = ::testing::TempDir() + "ocr_test";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  EXPECT_EQ(Ocr::load(folder, {}).error().code, Errc::not_found);
  std::ofstream{folder / "ch_PP-OCRv4_det_infer.onnx"} << "this is no graph";
  const auto broken = Ocr::load(folder, {});
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code, Errc::bad_file);
  EXPECT_THAT(broken.error().message, HasSubstr("ch_PP-OCRv4_det_infer.onnx"));
}

}  // namespace
}  // namespace zenith::media
