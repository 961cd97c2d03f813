// GPT-2's printable alphabet for bytes, in which byte-level vocabularies are spelt.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace zenith::models {

/// The code point that spells a byte: itself where printable, else 256, 257, … in order.  Source: bytes_to_unicode of
/// GPT-2's encoder.py.
char32_t byte_to_codepoint(unsigned char byte) noexcept;

/// The bytes that a token's text spells; nothing if it has a character outside the alphabet.
std::optional<std::string> spelt_bytes(std::string_view text);

std::string spell(std::string_view bytes);

}  // namespace zenith::models
