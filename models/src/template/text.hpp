// A string that remembers which of its bytes a user wrote.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "zenith/models/tokenizer/tokenizer.hpp"

namespace zenith::models::jinja {

/// Valid UTF-8. `untrusted` is sorted, disjoint, not adjacent.
struct Text {
  std::string bytes;
  std::vector<TextRange> untrusted;
  bool markup = false;  ///< came out of |safe or |escape

  Text() = default;
  explicit Text(std::string_view trusted) : bytes(trusted) {}
  explicit Text(const char* trusted) : bytes(trusted) {}
  /// All of it untrusted if `taint`.
  Text(std::string_view text, bool taint) : bytes(text) {
    if (taint && !bytes.empty()) untrusted.push_back({0, bytes.size()});
  }

  void mark(std::size_t begin, std::size_t end);  ///< @pre begin is not before the last marked range
  void mark_from(std::size_t begin);              ///< all bytes from there on
  void append(std::string_view text, bool taint = false);
  void append(const Text& piece);
  void append(const Text& piece, std::size_t begin, std::size_t end);  ///< bytes [begin, end) of it
  Text slice(std::size_t begin, std::size_t end) const;
  bool tainted() const noexcept { return !untrusted.empty(); }
  bool tainted_at(std::size_t begin, std::size_t end) const noexcept;  ///< does a range touch [begin, end)?
  std::size_t memory() const noexcept { return bytes.capacity() + untrusted.capacity() * sizeof(TextRange); }
};

bool is_space(char32_t c) noexcept;  ///< as Python's str.isspace
bool is_line_end(char32_t c) noexcept;

/// Byte offset behind / before a run of white space.
std::size_t skip_space(std::string_view text, std::size_t pos) noexcept;
std::size_t rstrip_space(std::string_view text, std::size_t end) noexcept;

std::size_t count_codepoints(std::string_view text) noexcept;
/// Byte offset of code point `index`; text.size() when there are fewer.
std::size_t byte_offset(std::string_view text, std::size_t index) noexcept;

}  // namespace zenith::models::jinja
