// Pictures: what is asked of the vision service, and what it finds.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "zenith/core/tensor.hpp"
#include "zenith/messages/receipt.hpp"
#include "zenith/messages/request.hpp"

namespace zenith::messages {

enum class ReadMode : std::uint8_t { text, ui /* the elements of a user interface, and the text */ };

/// What is in a picture. One answer: ImageReading.
struct ReadImage {
  Header header;
  std::string model;  ///< name or alias; empty: the first that reads pictures
  ReadMode mode = ReadMode::text;
  Buffer image;  ///< a file's bytes: PNG, JPEG, WebP, GIF, BMP or TIFF
};

struct ReadLine {
  std::string text;
  std::array<float, 8> box{};  ///< x, y of four corners in pixels: clockwise from the line's own top left
  float confidence = 0;        ///< 0 … 1
};

enum class ElementRole : std::uint8_t { box, text, link, button, field, image };

struct ScreenElement {
  ElementRole role = ElementRole::box;
  std::string text;
  std::array<std::uint32_t, 4> box{};  ///< x0, y0, x1, y1 in pixels; x1 and y1 are the first beyond it
  float confidence = 0;                ///< 0 … 1
  bool enabled = true;
  std::vector<std::uint32_t> children;  ///< places in ImageReading::elements, all after its own
};

inline constexpr std::size_t kMostLines = 4096, kMostElements = 16384;

struct ImageReading {
  std::uint32_t width = 0, height = 0;       ///< of the picture, upright
  std::vector<ReadLine> lines;               ///< in reading order; at most kMostLines
  std::vector<ScreenElement> elements;       ///< with ReadMode::ui; at most kMostElements
  std::vector<std::uint32_t> reading_order;  ///< places in elements: those that say or do something
  Spent spent{};
};

}  // namespace zenith::messages
