// The core of a text line grown to the whole line.
#pragma once

#include <opencv2/core.hpp>
#include <vector>

#include "text_detector.hpp"

namespace zenith::media {

/// The polygon whose sides lie `distance` outside those of a convex one, with round corners, in whole pixels. Equal to
/// Clipper 6.4.2's ClipperOffset (JT_ROUND, ET_CLOSEDPOLYGON, arc tolerance 0.25) in its convex hull: it is the
/// smallest rectangle around this that a line is cut along, and half a pixel there is another letter.
/// @pre at least three corners. @returns as many points as the arcs need; the corners when distance is about 0.
std::vector<cv::Point> grown_polygon(std::vector<cv::Point> corners, double distance);

/// By area · ratio / circumference on every side.  Source: arXiv:1911.08947, section 3.4.
cv::RotatedRect unclip(const Corners& core, double ratio);

}  // namespace zenith::media
