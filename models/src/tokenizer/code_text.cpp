#include "tokenizer/code_text.hpp"

#include "zenith/core/utf8.hpp"

namespace zenith::models {

CodeText::CodeText(std::string_view bytes) : bytes_(bytes) {
  const unicode::ClassTable& table = unicode::ClassTable::get();
  points_.reserve(bytes.size());
  classes_.reserve(bytes.size());
  offsets_.reserve(bytes.size() + 1);
  for (std::size_t pos = 0; pos < bytes.size();) {
    offsets_.push_back(static_cast<std::uint32_t>(pos));
    const auto first = static_cast<unsigned char>(bytes[pos]);
    char32_t cp = first;
    if (first < 0x80) {
      ++pos;
    } else {
      cp = utf8_next(bytes, pos);
    }
    points_.push_back(cp);
    classes_.push_back(cp == kInvalidCodepoint ? unicode::kSymbolClass : table[cp]);
  }
  offsets_.push_back(static_cast<std::uint32_t>(bytes.size()));
}

}  // namespace zenith::models
