#include "spoken_text.hpp"

#include <algorithm>
#include <array>

#include "zenith/core/utf8.hpp"

namespace zenith::media {
namespace {

constexpr std::size_t kLongestWord = 64;  // flite's number and letter readers copy words into buffers of fixed size

// U+00C0 … U+017F, one entry each.
constexpr std::array<std::string_view, 192> kLatin{
    "A", "A", "A",  "A", "A", "A", "AE", "C",  "E", "E", "E",  "E",  "I", "I", "I",  "I",  "D", "N", "O",  "O",
    "O", "O", "O",  " ", "O", "U", "U",  "U",  "U", "Y", "Th", "ss", "a", "a", "a",  "a",  "a", "a", "ae", "c",
    "e", "e", "e",  "e", "i", "i", "i",  "i",  "d", "n", "o",  "o",  "o", "o", "o",  " ",  "o", "u", "u",  "u",
    "u", "y", "th", "y", "A", "a", "A",  "a",  "A", "a", "C",  "c",  "C", "c", "C",  "c",  "C", "c", "D",  "d",
    "D", "d", "E",  "e", "E", "e", "E",  "e",  "E", "e", "E",  "e",  "G", "g", "G",  "g",  "G", "g", "G",  "g",
    "H", "h", "H",  "h", "I", "i", "I",  "i",  "I", "i", "I",  "i",  "I", "i", "IJ", "ij", "J", "j", "K",  "k",
    "k", "L", "l",  "L", "l", "L", "l",  "L",  "l", "L", "l",  "N",  "n", "N", "n",  "N",  "n", "n", "N",  "n",
    "O", "o", "O",  "o", "O", "o", "OE", "oe", "R", "r", "R",  "r",  "R", "r", "S",  "s",  "S", "s", "S",  "s",
    "S", "s", "T",  "t", "T", "t", "T",  "t",  "U", "u", "U",  "u",  "U", "u", "U",  "u",  "U", "u", "U",  "u",
    "W", "w", "Y",  "y", "Y", "Z", "z",  "Z",  "z", "Z", "z",  "s"};

std::string_view plain(char32_t c) {
  switch (c) {
    case 0x2018:
    case 0x2019:
    case 0x201B:
    case 0x02BC: return "'";
    case 0x201C:
    case 0x201D:
    case 0x201E:
    case 0x00AB:
    case 0x00BB: return "\"";
    case 0x2010:
    case 0x2011: return "-";
    case 0x2012:
    case 0x2013:
    case 0x2014:
    case 0x2015: return ", ";
    case 0x2026: return ".";
    case 0x00A3: return " pounds ";
    case 0x20AC: return " euros ";
    case 0x00B0: return " degrees ";
    default: return " ";
  }
}

}  // namespace

Expected<std::string> spoken_ascii(std::string_view text) {
  std::string out;
  std::size_t word = 0;
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = utf8_next(text, at);
    if (c == kInvalidCodepoint) return fail(Errc::invalid_argument, "input: is not UTF-8", "input");
    if (c < 0x80) {
      out += c < 0x20 || c == 0x7f ? ' ' : static_cast<char>(c);
    } else if (c >= 0xC0 && c < 0x180) {
      out += kLatin[c - 0xC0];
    } else {
      out += plain(c);
    }
    word = out.empty() || out.back() == ' ' ? 0 : word + 1;
    if (word >= kLongestWord) {
      out += ' ';
      word = 0;
    }
  }
  return out;
}

}  // namespace zenith::media
