// The real model against rapidocr-onnxruntime's output on the same pictures (tests/parity/ocr_golden.py).
#include "zenith/media/ocr.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>

#include "texts.hpp"
#include "vision_fixture.hpp"

namespace zenith::media {
namespace {

using namespace testing;
using ::testing::HasSubstr;

struct Reference {
  std::vector<TextLine> lines;
  std::vector<std::string> written;  ///< what truly stands there
};

Reference reference(const std::string& name) {
  const auto json = nlohmann::json::parse(vision_file("ocr.json"));
  Reference out;
  for (const auto& image : json.at("images")) {
    if (image.at("image") != name) continue;
    out.written = image.at("written").get<std::vector<std::string>>();
    for (const auto& line : image.at("lines")) {
      TextLine row{line.at("text"), {}, line.at("confidence"), {}};
      for (std::size_t i = 0; i < 4; ++i) row.box[i] = {line.at("box")[i][0], line.at("box")[i][1]};
      out.lines.push_back(std::move(row));
    }
  }
  return out;
}

const TextLine* at_the_place_of(const TextLine& row, const std::vector<TextLine>& lines) {
  const auto off = [&](const TextLine& line) {
    float most = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      most = std::max({most, std::abs(line.box[i].x - row.box[i].x), std::abs(line.box[i].y - row.box[i].y)});
    }
    return most;
  };
  const auto at = std::find_if(lines.begin(), lines.end(), [&](const TextLine& line) { return off(line) <= 1; });
  return at == lines.end() ? nullptr : &*at;
}

/// Read once: several tests look at them.
const std::vector<TextLine>& reading(const std::string& name) {
  static std::map<std::string, std::vector<TextLine>> known;
  const auto at = known.find(name);
  if (at != known.end()) return at->second;
  return known[name] = real_ocr().read(picture(name), always).value();
}

/// Characters without blanks: those that the reference does not see are found here, see below.
void expect_its_text(const Reference& expected, const std::vector<TextLine>& lines) {
  std::size_t wrong = 0, all = 0;
  for (const auto& row : expected.lines) {
    const std::string text = without_blanks(row.text);
    all += text.size();
    const TextLine* line = at_the_place_of(row, lines);
    wrong += edits(line == nullptr ? "" : without_blanks(line->text), text);
    if (line == nullptr) {
      ADD_FAILURE() << "nothing is read where the reference reads " << row.text;
      continue;
    }
    if (without_blanks(line->text) != text) {
      std::printf("read '%s', the reference '%s'\n", line->text.c_str(), row.text.c_str());
    }
    EXPECT_NEAR(line->confidence, row.confidence, 0.05) << row.text;
  }
  EXPECT_LE(wrong * 50, all) << wrong << " of " << all << " characters differ";
}

/// The reference turns long lines upside down and then loses them: here they are read both ways. What is read so has to
/// be written there.
void expect_nothing_else(const Reference& expected, const std::vector<TextLine>& lines) {
  std::string written;
  for (const auto& row : expected.written) written += without_blanks(row) + "\n";
  for (const auto& line : lines) {
    if (at_the_place_of(line, expected.lines) != nullptr) continue;
    const std::string text = without_blanks(line.text);
    EXPECT_LE(edits_within(text, written) * 20, text.size()) << line.text;
  }
}

class Pictures : public ::testing::TestWithParam<const char*> {};
TEST_P(Pictures, read_as_the_reference_reads_them) {
  const std::string name = std::string{GetParam()} + ".png";
  expect_its_text(reference(name), reading(name));
  expect_nothing_else(reference(name), reading(name));
}
INSTANTIATE_TEST_SUITE_P(media, Pictures,
                         ::testing::Values("receipt", "columns", "sign", "upside_down", "line", "crooked", "ui_page",
                                           "page", "small_type", "table", "quarter_turn", "photo", "accents", "numbers",
                                           "terminal", "chinese", "screen_dark", "screen_mail", "empty"),
                         [](const auto& i) { return std::string{i.param}; });

TEST(ocr, a_dense_page_is_read_whole) {
  EXPECT_EQ(reading("page.png").size(), 44U);
  EXPECT_LT(reference("page.png").lines.size(), 30U) << "the reference has learnt to read it: compare all lines";
}

// Of every blank between two characters that were read, whether it is written there.
TEST(ocr, words_stand_apart_where_they_are_written_apart) {
  std::size_t blanks = 0, misplaced = 0, lines = 0, found = 0;
  const auto json = nlohmann::json::parse(vision_file("ocr.json"));
  for (const auto& image : json.at("images")) {
    std::vector<std::string> written = image.at("written");
    for (const auto& line : reading(image.at("image"))) {
      ++lines;
      const auto places = compare_blanks(line.text, written);
      if (!places) continue;
      ++found;
      blanks += places->written;
      misplaced += places->misplaced;
      if (places->misplaced > 0) std::printf("blanks: '%s'\n", line.text.c_str());
    }
  }
  std::printf("%zu of %zu blanks misplaced, %zu of %zu lines without another mistake\n", misplaced, blanks, found,
              lines);
  EXPECT_GT(blanks, 1000U);
  EXPECT_LE(misplaced * 100, blanks);
}

TEST(ocr, columns_are_read_one_after_another) {
  std::vector<std::string> texts;
  for (const auto& line : reading("columns.png")) texts.push_back(line.text);
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

TEST(ocr, what_is_read_does_not_depend_on_threads) {
  const auto alone = load_real_ocr(1), three = load_real_ocr(3);
  for (const char* name : {"screen_dark.png", "crooked.png"}) {
    const auto& lines = reading(name);
    for (Ocr* ocr : {alone.get(), three.get()}) {
      const auto other = ocr->read(picture(name), always).value();
      ASSERT_EQ(other.size(), lines.size());
      for (std::size_t i = 0; i < lines.size(); ++i) {
        EXPECT_EQ(other[i].text, lines[i].text);
        EXPECT_EQ(other[i].confidence, lines[i].confidence) << lines[i].text;
        EXPECT_EQ(other[i].centres, lines[i].centres) << lines[i].text;
      }
    }
  }
}

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
