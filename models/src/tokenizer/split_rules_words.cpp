// The expressions that tell words, numbers, punctuation and white space apart.
#include "tokenizer/split_rules.hpp"
#include "tokenizer/split_scan.hpp"

namespace zenith::models::rules {
namespace {

using unicode::kL;
using unicode::kM;
using unicode::kN;
using unicode::kP;
using unicode::kS;

constexpr CategorySet kU = unicode::kUpper | kM, kV = unicode::kLower | kM;  // U and V of gpt4o

std::uint32_t up_to(const Window& w, std::uint32_t i, CategorySet set, std::uint32_t most) noexcept {
  std::uint32_t end = i;
  while (end - i < most && w.in(end, set)) ++end;
  return end;
}

// [^\r\n\p{L}\p{N}]? before a letter
bool word_prefix(const Window& w, std::uint32_t i) noexcept { return w.has(i) && !w.newline(i) && !w.in(i, kL | kN); }

struct WordRule {
  CategorySet word;      // [\p{L}]+ or [\p{L}\p{M}]+
  std::uint32_t digits;  // \p{N}{1,digits}
};

std::uint32_t match_word_rule(const Window& w, std::uint32_t i, WordRule rule) noexcept {
  if (const std::uint32_t end = contraction_any_case(w, i); end != i) return end;
  if (w.in(i, rule.word)) return w.run(i + 1, rule.word);
  if (word_prefix(w, i) && w.in(i + 1, rule.word)) return w.run(i + 2, rule.word);
  if (w.in(i, kN)) return up_to(w, i, kN, rule.digits);
  const std::uint32_t mark = w.is(i, ' ') ? i + 1 : i;
  const CategorySet excluded = rule.word | kN;
  if (w.other(mark, excluded)) {
    std::uint32_t end = w.run_other(mark, excluded);
    while (w.newline(end)) ++end;
    return end;
  }
  return space_or_newlines(w, i);
}

// U*V+ at i, as backtracking finds it; i for none.
std::uint32_t lower_ending(const Window& w, std::uint32_t i) noexcept {
  const std::uint32_t upper = w.run(i, kU), end = w.run(upper, kV);
  if (end > upper) return end;
  for (std::uint32_t k = upper; k > i; --k) {
    if (w.in(k - 1, kV)) return k;
  }
  return i;
}

// U+V* at i; i for none.
std::uint32_t upper_beginning(const Window& w, std::uint32_t i) noexcept {
  const std::uint32_t upper = w.run(i, kU);
  return upper == i ? i : w.run(upper, kV);
}

template <class Half>
std::uint32_t with_prefix(const Window& w, std::uint32_t i, Half half) noexcept {
  if (word_prefix(w, i)) {
    if (const std::uint32_t end = half(w, i + 1); end != i + 1) return end;
  }
  return half(w, i);
}

std::uint32_t match_cased(const Window& w, std::uint32_t i, bool contractions, std::uint32_t digits) noexcept {
  std::uint32_t word = with_prefix(w, i, lower_ending);
  if (word == i) word = with_prefix(w, i, upper_beginning);
  if (word != i) return contractions ? contraction_any_case(w, word) : word;
  if (w.in(i, kN)) return up_to(w, i, kN, digits);
  const std::uint32_t mark = w.is(i, ' ') ? i + 1 : i;
  if (w.other(mark, kL | kN)) {
    std::uint32_t end = w.run_other(mark, kL | kN);
    while (w.newline(end) || w.is(end, '/')) ++end;
    return end;
  }
  return space_or_newlines(w, i);
}

std::uint32_t match_gpt2(const Window& w, std::uint32_t i) noexcept {
  if (const std::uint32_t end = contraction(w, i); end != i) return end;
  const std::uint32_t first = w.is(i, ' ') && w.has(i + 1) && !w.space(i + 1) ? i + 1 : i;
  if (w.in(first, kL)) return w.run(first, kL);
  if (w.in(first, kN)) return w.run(first, kN);
  if (!w.space(first)) return w.run_other(first, kL | kN);
  return trailing_space(w, i);
}

bool ascii_letter(const Window& w, std::uint32_t i) noexcept {
  return w.between(i, 'A', 'Z') || w.between(i, 'a', 'z');
}

bool ascii_punctuation(const Window& w, std::uint32_t i) noexcept {
  return w.between(i, '!', '~') && !ascii_letter(w, i) && !w.between(i, '0', '9');
}

std::uint32_t match_deepseek_v3(const Window& w, std::uint32_t i) noexcept {
  if (ascii_punctuation(w, i) && ascii_letter(w, i + 1)) {
    std::uint32_t end = i + 2;
    while (ascii_letter(w, end)) ++end;
    return end;
  }
  if (w.in(i, kL | kM)) return w.run(i + 1, kL | kM);
  if (!w.newline(i) && !w.in(i, kP | kS) && w.in(i + 1, kL | kM)) return w.run(i + 2, kL | kM);
  const std::uint32_t mark = w.is(i, ' ') ? i + 1 : i;
  if (w.in(mark, kP | kS)) {
    std::uint32_t end = w.run(mark, kP | kS);
    while (w.newline(end)) ++end;
    return end;
  }
  return space_or_newlines(w, i);
}

}  // namespace

void gpt2(const CodeText& text, Piece piece, std::vector<Piece>& out) { isolate(text, piece, out, match_gpt2); }

void llama3(const CodeText& text, Piece piece, std::vector<Piece>& out) {
  isolate(text, piece, out, [](const Window& w, std::uint32_t i) { return match_word_rule(w, i, {kL, 3}); });
}

void qwen2(const CodeText& text, Piece piece, std::vector<Piece>& out) {
  isolate(text, piece, out, [](const Window& w, std::uint32_t i) { return match_word_rule(w, i, {kL, 1}); });
}

void qwen35(const CodeText& text, Piece piece, std::vector<Piece>& out) {
  isolate(text, piece, out, [](const Window& w, std::uint32_t i) { return match_word_rule(w, i, {kL | kM, 1}); });
}

void deepseek_v3_words(const CodeText& text, Piece piece, std::vector<Piece>& out) {
  isolate(text, piece, out, match_deepseek_v3);
}

void gpt4o(const CodeText& text, Piece piece, std::vector<Piece>& out) {
  isolate(text, piece, out, [](const Window& w, std::uint32_t i) { return match_cased(w, i, true, 3); });
}

void tekken(const CodeText& text, Piece piece, std::vector<Piece>& out) {
  isolate(text, piece, out, [](const Window& w, std::uint32_t i) { return match_cased(w, i, false, 1); });
}

}  // namespace zenith::models::rules
