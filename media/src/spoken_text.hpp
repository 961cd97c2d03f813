// Text as flite takes it: ASCII, no word longer than its buffers.
#pragma once

#include <string>
#include <string_view>

#include "zenith/core/error.hpp"

namespace zenith::media {

/// Letters of European languages lose their accents, typographic marks become plain ones, the rest a space.
/// @returns invalid_argument when `text` is not UTF-8.
Expected<std::string> spoken_ascii(std::string_view text);

}  // namespace zenith::media
