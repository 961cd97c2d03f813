// In which order people read what lies on a page: columns from left to right, in a column from the top.
#pragma once

#include <cstddef>
#include <vector>

namespace zenith::media {

/// Around a line or an element, in pixels; x0 <= x1, y0 <= y1.
struct Bounds {
  float x0 = 0, y0 = 0, x1 = 0, y1 = 0;
  float width() const noexcept { return x1 - x0; }
  float height() const noexcept { return y1 - y0; }
};

/// Cuts the page where it is empty from side to side; into columns only where both sides are text of at least three
/// long lines, so that rows of tables and forms stay rows. @returns a permutation of 0 … n-1.
std::vector<std::size_t> reading_order(const std::vector<Bounds>& items);

}  // namespace zenith::media
