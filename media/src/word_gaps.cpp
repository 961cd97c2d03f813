#include "word_gaps.hpp"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <string_view>

namespace zenith::media {
namespace {

constexpr float kWordGap = 0.16F;  // of the line's height: about half of a blank
constexpr float kAtPoint = 0.5F;   // of the line's height: the points in a number stand wide
constexpr float kInNumber = 0.3F;  // of the line's height; digits stand wider than letters
constexpr float kTypical = 2.1F;   // times the line's middle gap: in wide type no letter is a word
constexpr float kTypicalInNumber = 2.8F;
constexpr float kLikeKnown = 0.7F;      // times the middle gap at the blanks that were read
constexpr float kWidestTypical = 0.3F;  // of the line's height
constexpr float kFewestPixels = 3;
constexpr float kUnderline = 2;  // times the line's height: ink without a gap that is longer is no letter
constexpr float kInk = 0.25F;    // of the range of greys, from the ground

/// Columns that have ink.
std::vector<bool> ink_columns(const cv::Mat& line) {
  cv::Mat grey;
  cv::cvtColor(line, grey, cv::COLOR_BGR2GRAY);
  // The rows in the middle: lines above and below may reach in.
  const int margin = grey.rows / 10;
  grey = grey.rowRange(margin, grey.rows - margin);
  std::vector<std::uint8_t> all;
  for (int y = 0; y < grey.rows; ++y) all.insert(all.end(), grey.ptr(y), grey.ptr(y) + grey.cols);
  const auto half = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
  std::nth_element(all.begin(), half, all.end());
  const int ground = *half;
  double darkest = 0, brightest = 0;
  cv::minMaxLoc(grey, &darkest, &brightest);
  const int enough = std::max(12, static_cast<int>(kInk * std::max(brightest - ground, ground - darkest)));
  std::vector<bool> ink(static_cast<std::size_t>(grey.cols), false);
  const int underline = static_cast<int>(kUnderline * static_cast<float>(line.rows));
  for (int y = 0; y < grey.rows; ++y) {
    const auto is_ink = [&](int x) { return std::abs(grey.at<std::uint8_t>(y, x) - ground) > enough; };
    for (int from = 0; from < grey.cols;) {
      int to = from;
      while (to < grey.cols && is_ink(to)) ++to;
      if (to - from <= underline) std::fill(ink.begin() + from, ink.begin() + to, true);
      from = to + 1;
    }
  }
  return ink;
}

/// The widest run of columns without ink between two centres.
int widest_gap(const std::vector<bool>& ink, float from, float to) {
  const auto column = [&](float at) {
    return std::clamp<std::size_t>(static_cast<std::size_t>(at * static_cast<float>(ink.size())), 0, ink.size());
  };
  int widest = 0, run = 0;
  for (std::size_t x = column(from); x < column(to); ++x) {
    run = ink[x] ? 0 : run + 1;
    widest = std::max(widest, run);
  }
  return widest;
}

bool is_alphabetic(std::string_view letter) {
  return letter.size() == 1 || static_cast<unsigned char>(letter[0]) < 0xd8;  // up to Cyrillic
}
bool is_digit(std::string_view s) { return s.size() == 1 && s[0] >= '0' && s[0] <= '9'; }
bool is_point(std::string_view s) { return s == "." || s == "," || s == ":" || s == "-" || s == "/"; }
bool is_one_of(std::string_view letter, std::string_view set) {
  return letter.size() == 1 && set.find(letter) != std::string_view::npos;
}

/// Where no writer leaves a blank, however far apart the two stand.
bool never_apart(std::string_view a, std::string_view b) {
  return is_one_of(b, ".,;:!?)]}%'\"") || is_one_of(a, "([{") || (a == b && is_one_of(a, "-.*#=/_"));
}

float middle_of(std::vector<float> values) {
  if (values.empty()) return 0;
  const auto half = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), half, values.end());
  return *half;
}

/// The narrowest gap that is a blank.
struct Least {
  float height = 0, typical = 0, known = 0;
  float between(std::string_view a, std::string_view b) const {
    float least = std::max({kWordGap * height, kTypical * typical, kFewestPixels});
    if (is_digit(a) && is_digit(b)) least = std::max(kInNumber * height, kTypicalInNumber * typical);
    if ((is_digit(a) && is_point(b)) || (is_point(a) && is_digit(b))) least = kAtPoint * height;
    return std::max(least, kLikeKnown * known);
  }
};

std::vector<std::string_view> letters_of(std::string_view text) {
  std::vector<std::string_view> out;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at + 1;
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
    out.push_back(text.substr(at, end - at));
    at = end;
  }
  return out;
}

}  // namespace

void part_words(const cv::Mat& line, ReadText& read) {
  const auto letters = letters_of(read.text);
  if (letters.size() != read.centres.size() || letters.size() < 2 || line.rows < 10) return;
  const auto ink = ink_columns(line);
  const auto gap = [&](std::size_t from, std::size_t to) {
    return static_cast<float>(widest_gap(ink, read.centres[from], read.centres[to]));
  };
  std::vector<float> gaps, known;
  for (std::size_t i = 1; i < letters.size(); ++i) {
    if (letters[i] == " ") continue;
    const bool behind_blank = letters[i - 1] == " ";
    if (behind_blank && i > 1) known.push_back(gap(i - 2, i));
    gaps.push_back(behind_blank && i > 1 ? known.back() : gap(i - 1, i));
  }
  Least least{static_cast<float>(line.rows), 0, middle_of(known)};
  least.typical = std::min(middle_of(gaps), kWidestTypical * least.height);
  ReadText out{{}, read.confidence, {}};
  for (std::size_t i = 0; i < letters.size(); ++i) {
    const bool may_part = i > 0 && letters[i] != " " && letters[i - 1] != " " && is_alphabetic(letters[i]) &&
                          is_alphabetic(letters[i - 1]) && !never_apart(letters[i - 1], letters[i]);
    if (may_part && gap(i - 1, i) >= least.between(letters[i - 1], letters[i])) {
      out.text += ' ';
      out.centres.push_back((read.centres[i - 1] + read.centres[i]) / 2);
    }
    out.text += letters[i];
    out.centres.push_back(read.centres[i]);
  }
  read = std::move(out);
}

}  // namespace zenith::media
