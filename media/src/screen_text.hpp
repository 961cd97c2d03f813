// The lines of a screen as pieces of one kind: what looks like a link is one of its own.
#pragma once

#include <opencv2/core.hpp>
#include <string>
#include <vector>

#include "zenith/media/ocr.hpp"

namespace zenith::media {

struct ScreenText {
  std::string text;
  cv::Rect box;
  float confidence = 0;
  bool is_link = false;
};

/// In the order of the lines, from the left. A line without characters of its own is left out.
std::vector<ScreenText> screen_texts(const cv::Mat& bgr, const std::vector<TextLine>& lines);

}  // namespace zenith::media
