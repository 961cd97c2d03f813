// What the split rules are made of: a driver that walks a piece with a matcher, and the alternatives that many
// expressions share.
#pragma once

#include "tokenizer/pretokenizer.hpp"

namespace zenith::models::rules {

using unicode::CategorySet;

/// A half-open window of a text, walked from left to right. `match(i)` functions return the end of a match at i, or i
/// for none.
struct Window {
  const CodeText& text;
  std::uint32_t end;

  bool has(std::uint32_t i) const noexcept { return i < end; }
  bool in(std::uint32_t i, CategorySet set) const noexcept { return i < end && text.in(i, set); }
  bool is(std::uint32_t i, char32_t cp) const noexcept { return i < end && text.at(i) == cp; }
  bool space(std::uint32_t i) const noexcept { return i < end && text.space(i); }
  bool newline(std::uint32_t i) const noexcept { return i < end && text.newline(i); }
  bool between(std::uint32_t i, char32_t low, char32_t high) const noexcept {
    return i < end && text.at(i) >= low && text.at(i) <= high;
  }
  /// [^\s SET]
  bool other(std::uint32_t i, CategorySet set) const noexcept { return i < end && !text.space(i) && !text.in(i, set); }

  std::uint32_t run(std::uint32_t i, CategorySet set) const noexcept {
    while (in(i, set)) ++i;
    return i;
  }
  std::uint32_t run_other(std::uint32_t i, CategorySet set) const noexcept {
    while (other(i, set)) ++i;
    return i;
  }
  std::uint32_t run_space(std::uint32_t i) const noexcept {
    while (space(i)) ++i;
    return i;
  }
};

/// Isolates every match of `match` in the piece; what lies between matches is a part of its own.
template <class Match>
void isolate(const CodeText& text, Piece piece, std::vector<Piece>& out, Match match) {
  const Window window{text, piece.end};
  std::uint32_t gap = piece.begin;
  for (std::uint32_t i = piece.begin; i < piece.end;) {
    const std::uint32_t end = match(window, i);
    if (end == i) {
      ++i;
      continue;
    }
    if (gap < i) out.push_back({gap, i});
    out.push_back({i, end});
    gap = i = end;
  }
  if (gap < piece.end) out.push_back({gap, piece.end});
}

/// Maximal runs of code points for which `member(window, i)` holds.
template <class Member>
void isolate_runs(const CodeText& text, Piece piece, std::vector<Piece>& out, Member member) {
  isolate(text, piece, out, [&](const Window& w, std::uint32_t i) {
    while (w.has(i) && member(w, i)) ++i;
    return i;
  });
}

/// 's|'t|'re|'ve|'m|'ll|'d as written.
std::uint32_t contraction(const Window& w, std::uint32_t i) noexcept;

/// The same under (?i:…), where U+017F folds to s.
std::uint32_t contraction_any_case(const Window& w, std::uint32_t i) noexcept;

/// \s+(?!\S)|\s+  @pre a white space at i.
std::uint32_t trailing_space(const Window& w, std::uint32_t i) noexcept;

/// \s*[\r\n]+|\s+(?!\S)|\s+  or i if there is no white space at i.
std::uint32_t space_or_newlines(const Window& w, std::uint32_t i) noexcept;

}  // namespace zenith::models::rules
