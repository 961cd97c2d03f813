#include "template/unicode.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <span>

#include "zenith/core/utf8.hpp"

namespace zenith::models::jinja {
namespace {

struct CharRange {
  std::uint32_t first, last;
};
struct CaseRun {
  std::uint32_t first, last, stride;
  std::int32_t delta;
};
struct CaseSpecial {
  std::uint32_t from;
  const char* to;
};

#include "template/unicode_tables.inc"

bool among(std::span<const CharRange> table, char32_t c) noexcept {
  const auto it =
      std::lower_bound(table.begin(), table.end(), c, [](const CharRange& r, char32_t v) { return r.last < v; });
  return it != table.end() && it->first <= c;
}

void append_mapped(std::string& out, char32_t c, std::span<const CaseRun> runs, std::span<const CaseSpecial> specials) {
  const auto special = std::lower_bound(specials.begin(), specials.end(), c,
                                        [](const CaseSpecial& s, char32_t v) { return s.from < v; });
  if (special != specials.end() && special->from == c) {
    out += special->to;
    return;
  }
  const auto run =
      std::lower_bound(runs.begin(), runs.end(), c, [](const CaseRun& r, char32_t v) { return r.last < v; });
  const bool hit = run != runs.end() && run->first <= c && (c - run->first) % run->stride == 0;
  utf8_append(out, hit ? static_cast<char32_t>(static_cast<std::int64_t>(c) + run->delta) : c);
}

}  // namespace

bool is_printable(char32_t c) noexcept { return c < 0x80 ? c >= 0x20 && c < 0x7F : !among(kNotPrintable, c); }
bool is_alpha(char32_t c) noexcept {
  return c < 0x80 ? (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') : among(kAlpha, c);
}
bool is_digit_char(char32_t c) noexcept { return c < 0x80 ? c >= '0' && c <= '9' : among(kDigit, c); }
bool is_numeric(char32_t c) noexcept { return c < 0x80 ? c >= '0' && c <= '9' : among(kNumeric, c); }

void append_case(std::string& out, char32_t c, Case to) {
  if (c < 0x80) {
    const bool change = to == Case::lower ? c >= 'A' && c <= 'Z' : c >= 'a' && c <= 'z';
    out += static_cast<char>(change ? c ^ 0x20 : c);
    return;
  }
  switch (to) {
    case Case::upper: return append_mapped(out, c, kUpper, kUpperSpecial);
    case Case::lower: return append_mapped(out, c, kLower, kLowerSpecial);
    case Case::title: return append_mapped(out, c, kTitle, kTitleSpecial);
  }
}

bool is_cased(char32_t c) {
  std::string lower, upper, self;
  append_case(lower, c, Case::lower);
  append_case(upper, c, Case::upper);
  utf8_append(self, c);
  return lower != self || upper != self;
}

}  // namespace zenith::models::jinja
