// Blanks that the recogniser did not read: it was trained on Chinese first.
#pragma once

#include <opencv2/core.hpp>

#include "text_line.hpp"

namespace zenith::media {

/// Puts a blank wherever the ink of an alphabetic line leaves a gap as wide as one; not inside numbers, not between
/// characters of scripts that know none. @param line the picture of it, upright, u8.
void part_words(const cv::Mat& line, ReadText& read);

}  // namespace zenith::media
