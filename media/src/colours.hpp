// Colours of parts of a screen.
#pragma once

#include <opencv2/core.hpp>

namespace zenith::media {

using Colour = cv::Vec3f;  ///< blue, green, red; 0 … 255

/// The middle colour, channel by channel, along a ring `inset` pixels inside the box (negative: outside it).
Colour ring_colour(const cv::Mat& bgr, const cv::Rect& box, int inset);
/// The middle colour of those pixels of the box that differ most from `ground`: the ink of text.
Colour ink_colour(const cv::Mat& bgr, const cv::Rect& box, const Colour& ground);
/// How far the pixels of the box are from one colour: the root of their mean variance.
float variety(const cv::Mat& bgr, const cv::Rect& box);

/// The largest difference of a channel.
float difference(const Colour& a, const Colour& b) noexcept;
/// 1 … 21.  Source: WCAG 2.1, contrast ratio.
float contrast(const Colour& a, const Colour& b) noexcept;
/// As links are: blue.
bool is_link_colour(const Colour& c) noexcept;

}  // namespace zenith::media
