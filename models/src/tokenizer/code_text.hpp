// A text as code points: what the pre-tokenizers walk over.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "tokenizer/unicode.hpp"

namespace zenith::models {

/// Half-open range of code point indices.
struct Piece {
  std::uint32_t begin = 0, end = 0;
};

/// Code points, their classes and where their bytes begin. A byte that is no UTF-8 is a code point of its own
/// (kInvalidCodepoint) that counts as a symbol. Linear in the text: 9 bytes a code point.
class CodeText {
 public:
  /// @pre bytes.size() < 2^32.
  explicit CodeText(std::string_view bytes);

  std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(classes_.size()); }
  char32_t at(std::uint32_t i) const noexcept { return points_[i]; }
  bool in(std::uint32_t i, unicode::CategorySet set) const noexcept { return classes_[i].in(set); }
  bool space(std::uint32_t i) const noexcept { return classes_[i].white_space(); }
  bool newline(std::uint32_t i) const noexcept { return points_[i] == '\n' || points_[i] == '\r'; }
  std::string_view bytes(Piece p) const noexcept {
    return bytes_.substr(offsets_[p.begin], offsets_[p.end] - offsets_[p.begin]);
  }

 private:
  std::string_view bytes_;
  std::vector<char32_t> points_;
  std::vector<unicode::CharClass> classes_;
  std::vector<std::uint32_t> offsets_;  // one more than code points
};

}  // namespace zenith::models
