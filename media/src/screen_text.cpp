#include "screen_text.hpp"

#include <algorithm>
#include <cmath>

#include "colours.hpp"

namespace zenith::media {
namespace {

constexpr float kInk = 60;         // of 255: what differs that much from the ground is ink
constexpr float kSameRun = 0.7F;   // of the line's height: gaps between the words of a link
constexpr float kShortest = 1.0F;  // of the line's height: a run of link colour that is shorter is none

cv::Rect around(const Quad& quad, const cv::Mat& screen) {
  float x0 = quad[0].x, y0 = quad[0].y, x1 = x0, y1 = y0;
  for (const auto& p : quad) {
    x0 = std::min(x0, p.x);
    y0 = std::min(y0, p.y);
    x1 = std::max(x1, p.x);
    y1 = std::max(y1, p.y);
  }
  const cv::Rect box{cv::Point(static_cast<int>(x0), static_cast<int>(y0)),
                     cv::Point(static_cast<int>(std::ceil(x1)), static_cast<int>(std::ceil(y1)))};
  return box & cv::Rect{0, 0, screen.cols, screen.rows};
}

struct Run {
  int from = 0, to = 0;  ///< columns of the screen
};

/// Where the ink of the line has the colour of links.
std::vector<Run> link_runs(const cv::Mat& bgr, const cv::Rect& box) {
  const Colour ground = ring_colour(bgr, box, 0);
  const auto height = static_cast<float>(box.height);
  std::vector<Run> runs;
  for (int x = box.x; x < box.br().x; ++x) {
    int ink = 0, blue = 0;
    for (int y = box.y; y < box.br().y; ++y) {
      const Colour pixel(bgr.at<cv::Vec3b>(y, x));
      if (difference(pixel, ground) < kInk) continue;
      ++ink;
      if (is_link_colour(pixel)) ++blue;
    }
    if (ink == 0 || 2 * blue < ink) continue;
    if (!runs.empty() && static_cast<float>(x - runs.back().to) < kSameRun * height) {
      runs.back().to = x + 1;
    } else {
      runs.push_back({x, x + 1});
    }
  }
  std::erase_if(runs, [&](const Run& run) { return static_cast<float>(run.to - run.from) < kShortest * height; });
  return runs;
}

/// Its characters, each with the column of its middle.
struct Letter {
  std::string text;
  int x = 0;
};

std::vector<Letter> letters_of(const TextLine& line, const cv::Rect& box) {
  std::vector<Letter> out;
  for (const char c : line.text) {
    if (out.empty() || (static_cast<unsigned char>(c) & 0xC0) != 0x80) out.emplace_back();
    out.back().text += c;
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    const float at = i < line.centres.size() ? line.centres[i] : 1.0F;
    out[i].x = box.x + static_cast<int>(at * static_cast<float>(box.width));
  }
  return out;
}

bool is_blank(const std::string& text) { return text.find_first_not_of(' ') == std::string::npos; }

std::string trimmed(const std::string& text) {
  const auto from = text.find_first_not_of(' ');
  return from == std::string::npos ? std::string{} : text.substr(from, text.find_last_not_of(' ') - from + 1);
}

}  // namespace

std::vector<ScreenText> screen_texts(const cv::Mat& bgr, const std::vector<TextLine>& lines) {
  std::vector<ScreenText> out;
  for (const auto& line : lines) {
    const cv::Rect box = around(line.box, bgr);
    if (box.empty() || is_blank(line.text)) continue;
    const auto runs = link_runs(bgr, box);
    // Pieces: before, in and behind each run.
    std::vector<std::pair<Run, bool>> pieces;
    int at = box.x;
    for (const auto& run : runs) {
      pieces.push_back({{at, run.from}, false});
      pieces.push_back({run, true});
      at = run.to;
    }
    pieces.push_back({{at, box.br().x}, false});
    const auto letters = letters_of(line, box);
    std::size_t next = 0;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      const auto& [run, is_link] = pieces[i];
      const bool is_last = i + 1 == pieces.size();
      // Between a link and what is beside it lies a blank; letters are placed to a few pixels.
      const int slack = box.height / 6, end = is_link ? run.to + slack : run.to - slack;
      std::string text;
      for (; next < letters.size() && (is_last || letters[next].x < end); ++next) text += letters[next].text;
      text = trimmed(text);
      if (text.empty() || run.to <= run.from) continue;
      out.push_back({text, {run.from, box.y, run.to - run.from, box.height}, line.confidence, is_link});
    }
  }
  return out;
}

}  // namespace zenith::media
