// What is on a screen, guessed from a picture of it: rectangles and text as a tree of elements.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "zenith/media/image.hpp"
#include "zenith/media/ocr.hpp"

namespace zenith::media {

enum class UiRole : std::uint8_t { box, text, link, button, field, image };

struct UiBox {
  std::uint32_t x0 = 0, y0 = 0, x1 = 0, y1 = 0;  ///< pixels; x1 and y1 are the first beyond it
};

struct UiElement {
  UiRole role = UiRole::box;
  std::string text;  ///< of a button or field: its label; empty for boxes and images
  UiBox box;
  float confidence = 0;                 ///< 0 … 1: of the rectangle's shape, of the text, the lower of both
  bool enabled = true;                  ///< false: the label hardly stands out
  std::vector<std::uint32_t> children;  ///< places in the list, in reading order; all after their parent's own
};

inline constexpr std::size_t kMostRectangles = 2000;

/// Each element is a child of the smallest one that holds it; the list is in reading order, parents first. At most
/// kMostRectangles and one to three for each line. @param lines as Ocr::read gave them for this picture.
/// @returns internal.
Expected<std::vector<UiElement>> ui_tree(const Image& screen, const std::vector<TextLine>& lines);

}  // namespace zenith::media
