// Bytes out of base64.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace zenith::gateway {

/// Standard alphabet, or the one for URLs; padding may be left out; nothing else may be in it.  Source: RFC 4648.
/// @returns nothing for text that is no base64.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace zenith::gateway
