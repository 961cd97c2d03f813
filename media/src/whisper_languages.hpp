// What whisper's languages are called.
#pragma once

#include <string>
#include <string_view>

namespace zenith::media {

/// "en" → "english"; a code that is not known is its own name.
std::string language_name(std::string_view code);
/// "en", "EN" and "English" → "en"; anything else in lower case.
std::string language_code(std::string_view code_or_name);

}  // namespace zenith::media
