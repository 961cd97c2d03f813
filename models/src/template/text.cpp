#include "template/text.hpp"

#include <algorithm>

#include "zenith/core/utf8.hpp"

namespace zenith::models::jinja {

void Text::mark(std::size_t begin, std::size_t end) {
  if (begin >= end) return;
  if (!untrusted.empty() && untrusted.back().end >= begin) {
    untrusted.back().end = std::max(untrusted.back().end, end);
  } else {
    untrusted.push_back({begin, end});
  }
}

void Text::mark_from(std::size_t begin) {
  while (!untrusted.empty() && untrusted.back().begin >= begin) untrusted.pop_back();
  mark(begin, bytes.size());
}

void Text::append(std::string_view text, bool taint) {
  const std::size_t begin = bytes.size();
  bytes += text;
  if (taint) mark(begin, bytes.size());
}

void Text::append(const Text& piece) { append(piece, 0, piece.bytes.size()); }

void Text::append(const Text& piece, std::size_t begin, std::size_t end) {
  const std::size_t base = bytes.size();
  bytes.append(piece.bytes, begin, end - begin);
  auto it = std::lower_bound(piece.untrusted.begin(), piece.untrusted.end(), begin,
                             [](const TextRange& r, std::size_t at) { return r.end <= at; });
  for (; it != piece.untrusted.end() && it->begin < end; ++it) {
    mark(base + std::max(it->begin, begin) - begin, base + std::min(it->end, end) - begin);
  }
}

Text Text::slice(std::size_t begin, std::size_t end) const {
  Text out;
  out.append(*this, begin, end);
  return out;
}

bool Text::tainted_at(std::size_t begin, std::size_t end) const noexcept {
  const auto it = std::lower_bound(untrusted.begin(), untrusted.end(), begin,
                                   [](const TextRange& r, std::size_t at) { return r.end <= at; });
  return it != untrusted.end() && it->begin < end;
}

bool is_space(char32_t c) noexcept {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_line_end(char32_t c) noexcept {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

std::size_t skip_space(std::string_view text, std::size_t pos) noexcept {
  while (pos < text.size()) {
    std::size_t next = pos;
    if (!is_space(utf8_next(text, next))) break;
    pos = next;
  }
  return pos;
}

std::size_t rstrip_space(std::string_view text, std::size_t end) noexcept {
  while (end > 0) {
    std::size_t begin = end - 1;
    while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) --begin;
    std::size_t next = begin;
    if (!is_space(utf8_next(text, next))) break;
    end = begin;
  }
  return end;
}

std::size_t count_codepoints(std::string_view text) noexcept {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::size_t byte_offset(std::string_view text, std::size_t index) noexcept {
  std::size_t pos = 0;
  for (; pos < text.size(); ++pos) {
    if ((static_cast<unsigned char>(text[pos]) & 0xC0) != 0x80 && index-- == 0) break;
  }
  return pos;
}

}  // namespace zenith::models::jinja
