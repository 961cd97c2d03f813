// UTF-8: strict (RFC 3629: no surrogates, no overlong forms, nothing above U+10FFFF).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace zenith {

inline constexpr char32_t kInvalidCodepoint = 0xFFFFFFFF;

/// Decodes the code point at `text[pos]` and advances `pos` past it; on a bad sequence returns kInvalidCodepoint and
/// advances by one byte. @pre pos < text.size().
char32_t utf8_next(std::string_view text, std::size_t& pos) noexcept;
void utf8_append(std::string& out, char32_t codepoint);
bool utf8_valid(std::string_view text) noexcept;

/// Length of the longest prefix that does not end inside a sequence which more bytes could still complete.
std::size_t utf8_complete_prefix(std::string_view text) noexcept;

/// Each maximal bad subsequence becomes U+FFFD, as Python's errors="replace" does.
std::string utf8_lossy(std::string_view bytes);

}  // namespace zenith
