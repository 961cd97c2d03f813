// Pictures from anywhere to plain pixels, in memory: nothing is opened, nothing is fetched.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "zenith/core/error.hpp"

namespace zenith::media {

/// u8 [height, width, 3], blue first, rows without padding; upright.
struct Image {
  std::uint32_t width = 0, height = 0;
  std::vector<std::uint8_t> bgr;
};

struct ImageLimits {
  std::size_t bytes = std::size_t{32} << 20;  ///< of the encoded picture
  std::uint64_t pixels = 50'000'000;          ///< width times height
};

/// PNG, JPEG, WebP, BMP, TIFF; of a GIF its first picture. The EXIF orientation is applied; what is transparent lies
/// over white. Any thread. Any bytes in, a picture or an error out: sizes are judged by the header, before anything of
/// that size is allocated.
/// @returns payload_too_large with both numbers; invalid_argument (param "image") for what is no picture, is cut off or
/// damaged, or is of another format, which it names when it knows it (SVG); unsupported for an animated WebP.
Expected<Image> decode_image(std::span<const std::byte> bytes, const ImageLimits& limits = {});

}  // namespace zenith::media
