// A text in pieces that are spoken one after another.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace zenith::services {

/// Bytes of a sentence: what is longer is cut at a comma, else between words, else anywhere between characters.
inline constexpr std::size_t kLongestSentence = 300;

/// Cuts after . ! ? … and at line ends, not after "Mr." and its like, initials or inside numbers. Pieces without a
/// letter or digit are left out, so the result may be empty. @pre text is UTF-8.
std::vector<std::string> sentences(std::string_view text);

}  // namespace zenith::services
