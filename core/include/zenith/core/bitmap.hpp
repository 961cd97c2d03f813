// Pixels as a file that every reader of pictures takes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "zenith/core/error.hpp"

namespace zenith {

/// The size of bitmap_of()'s file.
std::size_t bitmap_bytes(std::uint32_t width, std::uint32_t height) noexcept;

/// A BMP of 24 bits a pixel, for the price of a copy. @param rgb u8 [height, width, 3], dense: red first, rows from the
/// top. @pre its size agrees. @returns payload_too_large when a BMP cannot say its size.
Expected<std::string> bitmap_of(std::span<const std::byte> rgb, std::uint32_t width, std::uint32_t height);

}  // namespace zenith
