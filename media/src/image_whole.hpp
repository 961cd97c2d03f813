// Whether a picture's file is all there: decoders show what they have of one that is cut off, and say nothing.
#pragma once

#include <cstddef>
#include <span>

#include "image_header.hpp"

namespace zenith::media {

/// By the structure of its format; true for formats whose decoder says so itself (BMP, TIFF). Of a GIF only the first
/// picture counts. Total: reads nothing beyond `bytes`, and keeps nothing of their size.
bool is_whole(std::span<const std::byte> bytes, const ImageHeader& header);

}  // namespace zenith::media
