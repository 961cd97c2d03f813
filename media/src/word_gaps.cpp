#include "word_gaps.hpp"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <string_view>

namespace zenith::media {
namespace {

constexpr float kWordGap = 0.16F;  // of the line's height: about half of a blank
constexpr float kInNumber = 0.5F;  // of the line's height: digits and their points stand wide
constexpr float kTypical = 1.9F;   // times the line's middle gap: letters that are set wide are no words
constexpr float kInk = 0.25F;      // of the range of greys, from the ground

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
  for (int y = 0; y < grey.rows; ++y) {
    for (int x = 0; x < grey.cols; ++x) {
      if (std::abs(grey.at<std::uint8_t>(y, x) - ground) > enough) ink[static_cast<std::size_t>(x)] = true;
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
bool in_number(std::string_view a, std::string_view b) {
  const auto digit = [](std::string_view s) { return s.size() == 1 && s[0] >= '0' && s[0] <= '9'; };
  const auto point = [](std::string_view s) { return s == "." || s == "," || s == ":" || s == "-" || s == "/"; };
  return (digit(a) && (digit(b) || point(b))) || (point(a) && digit(b));
}

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
  std::vector<int> gaps(letters.size(), 0);  // before each letter
  for (std::size_t i = 1; i < letters.size(); ++i) gaps[i] = widest_gap(ink, read.centres[i - 1], read.centres[i]);
  std::vector<int> sorted(gaps.begin() + 1, gaps.end());
  std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2), sorted.end());
  const auto height = static_cast<float>(line.rows);
  const float typical = std::min(static_cast<float>(sorted[sorted.size() / 2]), 0.3F * height);
  ReadText out{{}, read.confidence, {}};
  for (std::size_t i = 0; i < letters.size(); ++i) {
    if (i > 0 && letters[i] != " " && letters[i - 1] != " " && is_alphabetic(letters[i]) &&
        is_alphabetic(letters[i - 1])) {
      const float least =
          in_number(letters[i - 1], letters[i]) ? kInNumber * height : std::max(kWordGap * height, kTypical * typical);
      if (static_cast<float>(gaps[i]) >= least) {
        out.text += ' ';
        out.centres.push_back((read.centres[i - 1] + read.centres[i]) / 2);
      }
    }
    out.text += letters[i];
    out.centres.push_back(read.centres[i]);
  }
  read = std::move(out);
}

}  // namespace zenith::media
