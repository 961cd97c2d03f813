// The expressions that isolate one kind of code point.
#include <algorithm>
#include <iterator>

#include "tokenizer/split_rules.hpp"
#include "tokenizer/split_scan.hpp"

namespace zenith::models::rules {
namespace {

using unicode::kL;
using unicode::kN;
using unicode::kP;

struct Range {
  char32_t first, last;
};

// The letters that deepseek-llm's expression lists: those with case, of the Unicode version it was written for.
constexpr Range kCasedLetters[] = {
    {0x41, 0x5A},       {0x61, 0x7A},       {0xB5, 0xB5},       {0xC0, 0xD6},       {0xD8, 0xF6},
    {0xF8, 0x1BA},      {0x1BC, 0x1BF},     {0x1C4, 0x293},     {0x295, 0x2AF},     {0x370, 0x373},
    {0x376, 0x376},     {0x377, 0x377},     {0x37B, 0x37D},     {0x37F, 0x37F},     {0x386, 0x386},
    {0x388, 0x38A},     {0x38C, 0x38C},     {0x38E, 0x3A1},     {0x3A3, 0x3F5},     {0x3F7, 0x481},
    {0x48A, 0x52F},     {0x531, 0x556},     {0x10A0, 0x10C5},   {0x13A0, 0x13F5},   {0x13F8, 0x13FD},
    {0x1C90, 0x1CBA},   {0x1CBD, 0x1CBF},   {0x1D00, 0x1D2B},   {0x1D6B, 0x1D77},   {0x1D79, 0x1D9A},
    {0x1E00, 0x1F15},   {0x1F18, 0x1F1D},   {0x1F20, 0x1F45},   {0x1F48, 0x1F4D},   {0x1F50, 0x1F57},
    {0x1F59, 0x1F59},   {0x1F5B, 0x1F5B},   {0x1F5D, 0x1F5D},   {0x1F5F, 0x1F7D},   {0x1F80, 0x1FB4},
    {0x1FB6, 0x1FBC},   {0x1FBE, 0x1FBE},   {0x1FC2, 0x1FC4},   {0x1FC6, 0x1FCC},   {0x1FD0, 0x1FD3},
    {0x1FD6, 0x1FDB},   {0x1FE0, 0x1FEC},   {0x1FF2, 0x1FF4},   {0x1FF6, 0x1FFC},   {0x2102, 0x2102},
    {0x2107, 0x2107},   {0x210A, 0x2113},   {0x2115, 0x2115},   {0x2119, 0x211D},   {0x2124, 0x2124},
    {0x2126, 0x2126},   {0x2128, 0x2128},   {0x212A, 0x212D},   {0x212F, 0x2134},   {0x2139, 0x2139},
    {0x213C, 0x213F},   {0x2145, 0x2149},   {0x214E, 0x214E},   {0x2183, 0x2183},   {0x2184, 0x2184},
    {0x2C00, 0x2C7B},   {0x2C7E, 0x2CE4},   {0x2CEB, 0x2CEE},   {0x2CF2, 0x2CF2},   {0x2CF3, 0x2CF3},
    {0xA640, 0xA66D},   {0xA680, 0xA69B},   {0xA722, 0xA76F},   {0xA771, 0xA787},   {0xA78B, 0xA78E},
    {0xAB70, 0xABBF},   {0xFB00, 0xFB06},   {0xFB13, 0xFB17},   {0xFF21, 0xFF3A},   {0xFF41, 0xFF5A},
    {0x10400, 0x1044F}, {0x104B0, 0x104D3}, {0x104D8, 0x104FB}, {0x10C80, 0x10CB2}, {0x10CC0, 0x10CF2},
    {0x118A0, 0x118DF}, {0x1E900, 0x1E943},
};

bool cased_letter(const Window& w, std::uint32_t i) noexcept {
  if (!w.has(i)) return false;
  const char32_t cp = w.text.at(i);
  const auto* after = std::upper_bound(std::begin(kCasedLetters), std::end(kCasedLetters), cp,
                                       [](char32_t c, const Range& r) { return c < r.first; });
  return after != std::begin(kCasedLetters) && cp <= (after - 1)->last;
}

// [!-/:-~！-／：-～‘-‟　-。]
bool ascii_mark(const Window& w, std::uint32_t i) noexcept {
  return w.between(i, '!', '/') || w.between(i, ':', '~') || w.between(i, 0xFF01, 0xFF0F) ||
         w.between(i, 0xFF1A, 0xFF5E) || w.between(i, 0x2018, 0x201F) || w.between(i, 0x3000, 0x3002);
}

bool one_of(char32_t cp, std::u32string_view set) noexcept { return set.find(cp) != std::u32string_view::npos; }

// \s? and then a run of `member`
template <class Member>
void isolate_after_space(const CodeText& text, Piece piece, std::vector<Piece>& out, Member member) {
  isolate(text, piece, out, [&](const Window& w, std::uint32_t i) {
    std::uint32_t end = i;
    if (w.space(i) && w.has(i + 1) && member(w, i + 1)) end = i + 2;
    while (w.has(end) && member(w, end)) ++end;
    return end;
  });
}

}  // namespace

void each_digit(const CodeText& text, Piece piece, std::vector<Piece>& out) {
  isolate(text, piece, out, [](const Window& w, std::uint32_t i) { return w.in(i, kN) ? i + 1 : i; });
}

void three_digits(const CodeText& text, Piece piece, std::vector<Piece>& out) {
  isolate(text, piece, out, [](const Window& w, std::uint32_t i) {
    std::uint32_t end = i;
    while (end - i < 3 && w.in(end, kN)) ++end;
    return end;
  });
}

void digit_runs(const CodeText& text, Piece piece, std::vector<Piece>& out) {
  isolate_runs(text, piece, out, [](const Window& w, std::uint32_t i) { return w.in(i, kN); });
}

void ascii_digit_triples(const CodeText& text, Piece piece, std::vector<Piece>& out) {
  isolate(text, piece, out, [](const Window& w, std::uint32_t i) {
    const bool three = w.between(i, '0', '9') && w.between(i + 1, '0', '9') && w.between(i + 2, '0', '9');
    return three ? i + 3 : i;
  });
}

void each_newline(const CodeText& text, Piece piece, std::vector<Piece>& out) {
  isolate(text, piece, out, [](const Window& w, std::uint32_t i) { return w.newline(i) ? i + 1 : i; });
}

void han_kana_runs(const CodeText& text, Piece piece, std::vector<Piece>& out) {
  isolate_runs(text, piece, out, [](const Window& w, std::uint32_t i) {
    return w.between(i, 0x4E00, 0x9FA5) || w.between(i, 0x3040, 0x30FF);
  });
}

void deepseek_asian_runs(const CodeText& text, Piece piece, std::vector<Piece>& out) {
  isolate_runs(text, piece, out, [](const Window& w, std::uint32_t i) {
    return w.between(i, 0x0800, 0x9FA5) || w.between(i, 0xAC00, 0xD7FF);
  });
}

void space_letters(const CodeText& text, Piece piece, std::vector<Piece>& out) {
  isolate_after_space(text, piece, out, [](const Window& w, std::uint32_t i) { return w.in(i, kL); });
}

void space_punctuation(const CodeText& text, Piece piece, std::vector<Piece>& out) {
  isolate_after_space(text, piece, out, [](const Window& w, std::uint32_t i) { return w.in(i, kP); });
}

void space_cased_letters(const CodeText& text, Piece piece, std::vector<Piece>& out) {
  isolate_after_space(text, piece, out, cased_letter);
}

void space_ascii_marks(const CodeText& text, Piece piece, std::vector<Piece>& out) {
  isolate_after_space(text, piece, out, ascii_mark);
}

void final_space(const CodeText& text, Piece piece, std::vector<Piece>& out) {
  std::uint32_t begin = piece.end;
  while (begin > piece.begin && text.space(begin - 1)) --begin;
  if (piece.begin < begin) out.push_back({piece.begin, begin});
  if (begin < piece.end) out.push_back({begin, piece.end});
}

void falcon_punctuation(const CodeText& text, Piece piece, std::vector<Piece>& out) {
  isolate_runs(text, piece, out,
               [](const Window& w, std::uint32_t i) { return w.in(i, kP) || one_of(w.text.at(i), U"$+<=>^~|`"); });
}

void default_punctuation(const CodeText& text, Piece piece, std::vector<Piece>& out) {
  isolate_runs(text, piece, out,
               [](const Window& w, std::uint32_t i) { return w.in(i, kP) || one_of(w.text.at(i), U"$+<=>^~|"); });
}

}  // namespace zenith::models::rules
