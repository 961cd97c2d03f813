// Text in pictures: PP-OCRv4 (detector, direction, recogniser) as ONNX graphs.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "zenith/core/error.hpp"
#include "zenith/media/image.hpp"

namespace zenith::media {

struct Point {
  float x = 0, y = 0;  ///< pixels of the picture
};
/// Clockwise from the line's own top left: of turned text that corner is not the picture's.
using Quad = std::array<Point, 4>;

struct TextLine {
  std::string text;  ///< UTF-8, no line ends; never empty
  Quad box;
  float confidence = 0;        ///< 0 … 1: the mean of its characters'
  std::vector<float> centres;  ///< of each of its characters along the line: 0 at its start, 1 at its end
};

/// Asked between pieces of work of at most some 100 ms; false: stop and return `cancelled`.
using StillWanted = std::function<bool()>;

/// One thread at a time; it has others help it.
class Ocr {
 public:
  /// @param folder holds the three graphs of the model ppocr-v4; the characters are in the recogniser's metadata.
  /// @param cache a folder for compiled graphs; empty: none.
  /// @param threads that read lines, at least 1, the caller of read() among them; what is read does not depend on it.
  /// @returns not_found, bad_file naming the file.
  static Expected<std::unique_ptr<Ocr>> load(const std::filesystem::path& folder, const std::filesystem::path& cache,
                                             int threads = 1);
  virtual ~Ocr() = default;
  virtual std::uint64_t generation() const noexcept = 0;  ///< a hash of the three files
  /// Lines in reading order: columns from left to right, lines from the top. Empty when there is no text. Pictures are
  /// read with their longer side at most 2000 pixels long; lines below 0.5 of confidence are left out.
  virtual Expected<std::vector<TextLine>> read(const Image& image, const StillWanted& wanted) = 0;
};

}  // namespace zenith::media
