#include "tokenizer/byte_level.hpp"

#include <array>

#include "zenith/core/utf8.hpp"

namespace zenith::models {
namespace {

constexpr bool printable(unsigned b) noexcept {
  return (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
}

constexpr std::array<char32_t, 256> kAlphabet = [] {
  std::array<char32_t, 256> map{};
  char32_t next = 256;
  for (unsigned b = 0; b < 256; ++b) map[b] = printable(b) ? static_cast<char32_t>(b) : next++;
  return map;
}();

constexpr char32_t kAlphabetEnd = 256 + 68;  // 68 bytes are not printable

constexpr std::array<std::int16_t, kAlphabetEnd> kBytes = [] {
  std::array<std::int16_t, kAlphabetEnd> map{};
  for (auto& b : map) b = -1;
  for (unsigned b = 0; b < 256; ++b) map[kAlphabet[b]] = static_cast<std::int16_t>(b);
  return map;
}();

}  // namespace

char32_t byte_to_codepoint(unsigned char byte) noexcept { return kAlphabet[byte]; }

std::optional<std::string> spelt_bytes(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (std::size_t pos = 0; pos < text.size();) {
    const char32_t cp = utf8_next(text, pos);
    if (cp >= kAlphabetEnd || kBytes[cp] < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(kBytes[cp]));
  }
  return bytes;
}

std::string spell(std::string_view bytes) {
  std::string text;
  for (const char b : bytes) utf8_append(text, kAlphabet[static_cast<unsigned char>(b)]);
  return text;
}

}  // namespace zenith::models
