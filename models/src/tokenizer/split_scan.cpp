#include "tokenizer/split_scan.hpp"

namespace zenith::models::rules {
namespace {

constexpr char32_t kLongS = 0x17F;

char32_t fold(char32_t cp) noexcept {
  if (cp == kLongS) return 's';
  return cp >= 'A' && cp <= 'Z' ? cp + 32 : cp;
}

template <class At>
std::uint32_t contraction_with(const Window& w, std::uint32_t i, At at) noexcept {
  if (!w.is(i, '\'') || !w.has(i + 1)) return i;
  const char32_t a = at(i + 1);
  if (a == 's' || a == 't' || a == 'm' || a == 'd') return i + 2;
  if (!w.has(i + 2)) return i;
  const char32_t b = at(i + 2);
  const bool two = (b == 'e' && (a == 'r' || a == 'v')) || (a == 'l' && b == 'l');
  return two ? i + 3 : i;
}

}  // namespace

std::uint32_t contraction(const Window& w, std::uint32_t i) noexcept {
  return contraction_with(w, i, [&](std::uint32_t k) { return w.text.at(k); });
}

std::uint32_t contraction_any_case(const Window& w, std::uint32_t i) noexcept {
  return contraction_with(w, i, [&](std::uint32_t k) { return fold(w.text.at(k)); });
}

std::uint32_t trailing_space(const Window& w, std::uint32_t i) noexcept {
  const std::uint32_t end = w.run_space(i);
  return end == w.end || end - i == 1 ? end : end - 1;
}

std::uint32_t space_or_newlines(const Window& w, std::uint32_t i) noexcept {
  if (!w.space(i)) return i;
  const std::uint32_t end = w.run_space(i);
  for (std::uint32_t k = end; k > i; --k) {
    if (w.newline(k - 1)) return k;
  }
  return end == w.end || end - i == 1 ? end : end - 1;
}

}  // namespace zenith::models::rules
