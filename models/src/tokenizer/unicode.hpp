// Unicode 16 facts for pre-tokenizers and for BertNormalizer.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace zenith::models::unicode {

/// General categories in the order of the generated table.
enum class Category : std::uint8_t {
  cn,
  lu,
  ll,
  lt,
  lm,
  lo,
  mn,
  mc,
  me,
  nd,
  nl,
  no,
  pc,
  pd,
  ps,
  pe,
  pi,
  pf,
  po,
  sm,
  sc,
  sk,
  so,
  zs,
  zl,
  zp,
  cc,
  cf,
  cs,
  co
};

/// A set of categories, as a regular expression's \p{L} or [\p{L}\p{M}].
using CategorySet = std::uint32_t;

template <class... C>
constexpr CategorySet set_of(C... categories) noexcept {
  return ((CategorySet{1} << static_cast<unsigned>(categories)) | ...);
}

inline constexpr CategorySet kUpper =
    set_of(Category::lu, Category::lt, Category::lm, Category::lo);  // of gpt-4o's word halves
inline constexpr CategorySet kLower = set_of(Category::ll, Category::lm, Category::lo);
inline constexpr CategorySet kL = kUpper | kLower;
inline constexpr CategorySet kM = set_of(Category::mn, Category::mc, Category::me);
inline constexpr CategorySet kN = set_of(Category::nd, Category::nl, Category::no);
inline constexpr CategorySet kP =
    set_of(Category::pc, Category::pd, Category::ps, Category::pe, Category::pi, Category::pf, Category::po);
inline constexpr CategorySet kS = set_of(Category::sm, Category::sc, Category::sk, Category::so);

/// What BertNormalizer and BertPreTokenizer make of a code point (an older Unicode than the categories above).
enum class BertClass : std::uint8_t { other, punctuation, mark, removed };

/// One byte a code point: category, White_Space and BertClass.
struct CharClass {
  std::uint8_t bits = 0;
  Category category() const noexcept { return static_cast<Category>(bits & 0x1F); }
  bool in(CategorySet set) const noexcept { return ((set >> (bits & 0x1F)) & 1U) != 0; }
  bool white_space() const noexcept { return (bits & 0x20) != 0; }
  BertClass bert() const noexcept { return static_cast<BertClass>(bits >> 6); }
};

inline constexpr CharClass kSymbolClass{
    static_cast<std::uint8_t>(Category::so)};  ///< an invalid byte counts as U+FFFD does

/// The class of a code point by a two-stage table, built once on first use; any thread. Above U+10FFFF: unassigned.
class ClassTable {
 public:
  static const ClassTable& get();
  CharClass operator[](char32_t cp) const noexcept {
    return cp < 0x110000 ? CharClass{blocks_[(std::size_t{stage1_[cp >> 7]} << 7) | (cp & 0x7F)]} : CharClass{};
  }

 private:
  ClassTable();
  std::array<std::uint16_t, 0x110000 / 128> stage1_{};
  std::vector<std::uint8_t> blocks_;
};

/// Simple lower case; U+0130, whose lower case is two code points, gives 'i' (the second, U+0307, is for the caller).
char32_t lower(char32_t cp) noexcept;

/// Canonical decomposition with canonical ordering, in place.
void decompose(std::vector<char32_t>& text);

}  // namespace zenith::models::unicode
