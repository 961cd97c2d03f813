// What the first bytes of a picture say: its format and its size. Read before any decoder sees it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "zenith/core/error.hpp"

namespace zenith::media {

enum class ImageFormat : std::uint8_t { png, jpeg, webp, gif, bmp, tiff };

struct ImageHeader {
  ImageFormat format = ImageFormat::png;
  std::uint32_t width = 0, height = 0;  ///< pixels, as stored: before any orientation; both at least 1
};

std::string_view name_of(ImageFormat format) noexcept;

/// Total: reads nothing beyond `bytes`. @returns invalid_argument (param "image") when it is none of the formats, or
/// ends before it has said its size; unsupported for an animated WebP.
Expected<ImageHeader> read_image_header(std::span<const std::byte> bytes);

}  // namespace zenith::media
