// A sensor's picture as a file.
#pragma once

#include <string>

#include "zenith/core/error.hpp"
#include "zenith/messages/sensor.hpp"

namespace zenith::gateway {

/// The last of `frames` as a BMP of 24 bits a pixel: what every reader of pictures takes, for the price of a copy.
/// @pre they are u8 [height, width, 3]. @returns payload_too_large when a BMP cannot say its size.
Expected<std::string> bitmap_of(const messages::Frames& frames);

}  // namespace zenith::gateway
