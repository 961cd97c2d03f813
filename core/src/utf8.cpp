#include "zenith/core/utf8.hpp"

namespace zenith {
namespace {

struct Lead {
  int length;               // of the whole sequence; 0 = not a lead byte
  unsigned char low, high;  // allowed range of the second byte
};

constexpr Lead lead_of(unsigned char b) noexcept {
  if (b < 0x80) return {1, 0, 0};
  if (b < 0xC2) return {0, 0, 0};
  if (b < 0xE0) return {2, 0x80, 0xBF};
  if (b == 0xE0) return {3, 0xA0, 0xBF};
  if (b == 0xED) return {3, 0x80, 0x9F};
  if (b < 0xF0) return {3, 0x80, 0xBF};
  if (b == 0xF0) return {4, 0x90, 0xBF};
  if (b < 0xF4) return {4, 0x80, 0xBF};
  if (b == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

// Bytes of a well-formed start of a sequence at `pos` (1 … length), 0 if the first byte is no lead.
int well_formed(std::string_view text, std::size_t pos, const Lead& lead) noexcept {
  if (lead.length == 0) return 0;
  int n = 1;
  for (; n < lead.length && pos + n < text.size(); ++n) {
    const auto b = static_cast<unsigned char>(text[pos + n]);
    const unsigned char low = n == 1 ? lead.low : 0x80, high = n == 1 ? lead.high : 0xBF;
    if (b < low || b > high) break;
  }
  return n;
}

}  // namespace

char32_t utf8_next(std::string_view text, std::size_t& pos) noexcept {
  const auto first = static_cast<unsigned char>(text[pos]);
  const Lead lead = lead_of(first);
  if (lead.length == 0 || well_formed(text, pos, lead) < lead.length) {
    ++pos;
    return kInvalidCodepoint;
  }
  constexpr unsigned char masks[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
  char32_t cp = first & masks[lead.length];
  for (int i = 1; i < lead.length; ++i) cp = (cp << 6) | (static_cast<unsigned char>(text[pos + i]) & 0x3F);
  pos += lead.length;
  return cp;
}

void utf8_append(std::string& out, char32_t cp) {
  const auto put = [&out](char32_t v) { out += static_cast<char>(v); };
  if (cp < 0x80) {
    put(cp);
  } else if (cp < 0x800) {
    put(0xC0 | (cp >> 6));
    put(0x80 | (cp & 0x3F));
  } else if (cp < 0x10000) {
    put(0xE0 | (cp >> 12));
    put(0x80 | ((cp >> 6) & 0x3F));
    put(0x80 | (cp & 0x3F));
  } else {
    put(0xF0 | (cp >> 18));
    put(0x80 | ((cp >> 12) & 0x3F));
    put(0x80 | ((cp >> 6) & 0x3F));
    put(0x80 | (cp & 0x3F));
  }
}

bool utf8_valid(std::string_view text) noexcept {
  for (std::size_t pos = 0; pos < text.size();) {
    if (utf8_next(text, pos) == kInvalidCodepoint) return false;
  }
  return true;
}

std::size_t utf8_complete_prefix(std::string_view text) noexcept {
  for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const std::size_t pos = text.size() - back;
    const auto b = static_cast<unsigned char>(text[pos]);
    if ((b & 0xC0) == 0x80) continue;
    const Lead lead = lead_of(b);
    const bool open = lead.length > static_cast<int>(back) && well_formed(text, pos, lead) == static_cast<int>(back);
    return open ? pos : text.size();
  }
  return text.size();
}

std::string utf8_lossy(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (std::size_t pos = 0; pos < bytes.size();) {
    const Lead lead = lead_of(static_cast<unsigned char>(bytes[pos]));
    const int n = well_formed(bytes, pos, lead);
    if (n > 0 && n == lead.length) {
      out.append(bytes, pos, n);
      pos += n;
    } else {
      out += "\xEF\xBF\xBD";
      pos += n > 0 ? n : 1;
    }
  }
  return out;
}

}  // namespace zenith
