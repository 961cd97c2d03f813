#include "template/lexer.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include <fmt/format.h>

#include "template/text.hpp"
#include "template/value.hpp"
#include "zenith/core/utf8.hpp"

namespace zenith::models::jinja {
namespace {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

std::string normalise_newlines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      out += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      out += source[i];
    }
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(normalise_newlines(source)), src_(source_) {
    line_starts_.push_back(0);
    for (std::size_t i = 0; i < src_.size(); ++i) {
      if (src_[i] == '\n') line_starts_.push_back(i + 1);
    }
  }

  std::vector<Token> run() {
    while (pos_ < src_.size()) outside();
    add(TokenType::end, pos_);
    return std::move(tokens_);
  }

 private:
  Token& add(TokenType type, std::size_t at, std::string text = {}) {
    Token& token = tokens_.emplace_back();
    token.type = type;
    token.text = std::move(text);
    locate(at, token.line, token.column);
    return token;
  }

  void locate(std::size_t at, int& line, int& column) const {
    const auto next = std::upper_bound(line_starts_.begin(), line_starts_.end(), at);
    line = static_cast<int>(next - line_starts_.begin());
    column = static_cast<int>(at - *std::prev(next)) + 1;
  }

  [[noreturn]] void fail_at(std::size_t at, std::string message) const {
    TemplateError error{Errc::bad_file, std::move(message)};
    locate(at, error.line, error.column);
    throw error;
  }

  bool at(std::size_t pos, std::string_view text) const {
    return src_.substr(std::min(pos, src_.size()), text.size()) == text;
  }

  // A jump over `pos` to `end`: the next tag begins a line if this ended one.
  void move_to(std::size_t end) {
    if (end > pos_) line_starting_ = src_[end - 1] == '\n';
    pos_ = end;
  }

  void data(std::size_t begin, std::size_t end, char sign, bool is_print) {
    std::string_view text = src_.substr(begin, end - begin);
    if (sign == '-') {
      text = text.substr(0, rstrip_space(text, text.size()));
    } else if (sign != '+' && !is_print) {
      const std::size_t line = text.rfind('\n') + 1;
      if ((line > 0 || line_starting_) && line < text.size() &&
          rstrip_space(text.substr(line), text.size() - line) == 0) {
        text = text.substr(0, line);
      }
    }
    if (!text.empty()) add(TokenType::data, begin, std::string{text});
  }

  void outside() {
    std::size_t tag = pos_;
    for (;; ++tag) {
      tag = src_.find('{', tag);
      if (tag == std::string_view::npos || tag + 1 >= src_.size()) {
        add(TokenType::data, pos_, std::string{src_.substr(pos_)});
        pos_ = src_.size();
        return;
      }
      if (src_[tag + 1] == '%' || src_[tag + 1] == '{' || src_[tag + 1] == '#') break;
    }
    const char type = src_[tag + 1];
    std::size_t inside = tag + 2;
    const char sign = inside < src_.size() && (src_[inside] == '-' || src_[inside] == '+') ? src_[inside] : '\0';
    if (sign != '\0') ++inside;
    data(pos_, tag, sign, type == '{');
    if (type == '#') {
      comment(tag, inside);
    } else if (type == '%' && raw(tag, inside)) {
      return;
    } else {
      line_starting_ = false;
      pos_ = inside;
      add(type == '%' ? TokenType::block_begin : TokenType::print_begin, tag);
      inside_tag(tag, type == '%');
    }
  }

  void comment(std::size_t tag, std::size_t inside) {
    const std::size_t close = src_.find("#}", inside);
    if (close == std::string_view::npos) fail_at(tag, "the comment has no end #}");
    const char sign = close > inside ? src_[close - 1] : '\0';
    pos_ = inside;
    move_to(after_block(close + 2, sign));
  }

  // Where the text goes on behind a closing %} or #}.
  std::size_t after_block(std::size_t end, char sign) const {
    if (sign == '-') return skip_space(src_, end);
    return sign != '+' && at(end, "\n") ? end + 1 : end;
  }

  // {% raw %} … {% endraw %}
  bool raw(std::size_t tag, std::size_t inside) {
    std::size_t p = skip_space(src_, inside);
    if (!at(p, "raw")) return false;
    p = skip_space(src_, p + 3);
    if (at(p, "-%}")) {
      p = skip_space(src_, p + 3);
    } else if (at(p, "%}")) {
      p += 2;
    } else {
      return false;
    }
    pos_ = inside;
    move_to(p);
    for (std::size_t end = src_.find("{%", p); end != std::string_view::npos; end = src_.find("{%", end + 1)) {
      std::size_t q = end + 2;
      const char sign = q < src_.size() && (src_[q] == '-' || src_[q] == '+') ? src_[q] : '\0';
      if (sign != '\0') ++q;
      q = skip_space(src_, q);
      if (!at(q, "endraw")) continue;
      q = skip_space(src_, q + 6);
      const char close_sign = q < src_.size() && (src_[q] == '-' || src_[q] == '+') ? src_[q] : '\0';
      if (close_sign != '\0') ++q;
      if (!at(q, "%}")) continue;
      data(p, end, sign, false);
      move_to(after_block(q + 2, close_sign));
      return true;
    }
    fail_at(tag, "the raw block has no {% endraw %}");
  }

  void inside_tag(std::size_t tag, bool block) {
    std::string open;
    for (;;) {
      if (open.empty() && tag_end(block)) return;
      pos_ = skip_space(src_, pos_);
      if (open.empty() && tag_end(block)) return;
      if (pos_ >= src_.size()) fail_at(tag, block ? "the block tag has no end %}" : "the expression has no end }}");
      const char c = src_[pos_];
      if (is_digit(c)) {
        number();
      } else if (is_name_start(c)) {
        std::size_t end = pos_;
        while (end < src_.size() && (is_name_start(src_[end]) || is_digit(src_[end]))) ++end;
        add(TokenType::name, pos_, std::string{src_.substr(pos_, end - pos_)});
        pos_ = end;
      } else if (c == '\'' || c == '"') {
        string(c);
      } else {
        operator_(open);
      }
    }
  }

  bool tag_end(bool block) {
    std::size_t p = pos_;
    char sign = '\0';
    if (p < src_.size() && (src_[p] == '-' || (block && src_[p] == '+'))) sign = src_[p++];
    if (!at(p, block ? "%}" : "}}")) return false;
    add(block ? TokenType::block_end : TokenType::print_end, pos_);
    move_to(block ? after_block(p + 2, sign) : sign == '-' ? skip_space(src_, p + 2) : p + 2);
    return true;
  }

  // Digits with single underscores between them; `end` moves past them.
  bool digits(std::size_t& end, std::string& out) const {
    if (end >= src_.size() || !is_digit(src_[end])) return false;
    while (end < src_.size()) {
      if (is_digit(src_[end])) {
        out += src_[end++];
      } else if (src_[end] == '_' && end + 1 < src_.size() && is_digit(src_[end + 1])) {
        ++end;
      } else {
        break;
      }
    }
    return true;
  }

  void number() {
    const std::size_t begin = pos_;
    std::string text;
    int base = 10;
    std::size_t end = begin;
    if (src_[begin] == '0' && begin + 1 < src_.size()) {
      const char x = static_cast<char>(src_[begin + 1] | 0x20);
      base = x == 'x' ? 16 : x == 'o' ? 8 : x == 'b' ? 2 : 10;
    }
    if (base != 10) {
      for (end = begin + 2;
           end < src_.size() && (std::isxdigit(static_cast<unsigned char>(src_[end])) != 0 || src_[end] == '_');
           ++end) {
        if (src_[end] != '_') text += src_[end];
      }
    } else {
      digits(end, text);
      bool real = false;
      const bool after_dot = begin > 0 && src_[begin - 1] == '.';
      if (!after_dot && at(end, ".") && end + 1 < src_.size() && is_digit(src_[end + 1])) {
        text += '.';
        digits(++end, text);
        real = true;
      }
      if (!after_dot && end < src_.size() && (src_[end] | 0x20) == 'e') {
        std::size_t exponent = end + 1;
        std::string tail = "e";
        if (at(exponent, "+") || at(exponent, "-")) tail += src_[exponent++];
        if (digits(exponent, tail)) {
          text += tail;
          end = exponent;
          real = true;
        }
      }
      if (real) {
        Token& token = add(TokenType::floating, begin);
        token.floating = std::strtod(text.c_str(), nullptr);
        pos_ = end;
        return;
      }
      if (text.size() > 1 && text[0] == '0' && text.find_first_not_of('0') != std::string::npos) {
        fail_at(begin, fmt::format("a number may not begin with 0: {}", text));
      }
    }
    Token& token = add(TokenType::integer, begin);
    const auto result = std::from_chars(text.data(), text.data() + text.size(), token.integer, base);
    if (result.ec != std::errc{} || result.ptr != text.data() + text.size()) {
      fail_at(begin,
              fmt::format("the number {} is malformed or needs more than 64 bits", src_.substr(begin, end - begin)));
    }
    pos_ = end;
  }

  void string(char quote) {
    const std::size_t begin = pos_;
    std::string out;
    std::size_t p = begin + 1;
    while (p < src_.size() && src_[p] != quote) {
      if (src_[p] != '\\') {
        out += src_[p++];
      } else if (p + 1 < src_.size()) {
        p = escape(p, out);
      } else {
        break;
      }
    }
    if (p >= src_.size()) fail_at(begin, "the string has no end");
    add(TokenType::string, begin, std::move(out));
    pos_ = p + 1;
  }

  // Python's escapes; an unknown one stays as it is. `p` is at the backslash.
  std::size_t escape(std::size_t p, std::string& out) const {
    const char c = src_[p + 1];
    constexpr std::string_view names = "abfnrtv\\'\"", values = "\a\b\f\n\r\t\v\\'\"";
    if (const auto known = names.find(c); known != std::string_view::npos) {
      out += values[known];
      return p + 2;
    }
    if (c == '\n') return p + 2;
    if (c >= '0' && c <= '7') {
      char32_t value = 0;
      std::size_t end = p + 1;
      for (; end < p + 4 && end < src_.size() && src_[end] >= '0' && src_[end] <= '7'; ++end)
        value = value * 8 + static_cast<char32_t>(src_[end] - '0');
      utf8_append(out, value);
      return end;
    }
    const std::size_t width = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (width == 0) {
      if (c == 'N') fail_at(p, "\\N escapes are not supported: write \\u");
      out += '\\';
      return p + 1;
    }
    std::uint32_t value = 0;
    const std::string_view hex = src_.substr(p + 2, width);
    const auto result = std::from_chars(hex.data(), hex.data() + hex.size(), value, 16);
    if (hex.size() < width || result.ptr != hex.data() + width || value > 0x10FFFF ||
        (value >= 0xD800 && value < 0xE000)) {
      fail_at(p, fmt::format("the escape \\{}{} is no character", c, hex));
    }
    utf8_append(out, value);
    return p + 2 + width;
  }

  void operator_(std::string& open) {
    for (const std::string_view two : {"//", "**", "==", "!=", ">=", "<="}) {
      if (at(pos_, two)) {
        add(TokenType::op, pos_, std::string{two});
        pos_ += 2;
        return;
      }
    }
    const char c = src_[pos_];
    if (std::string_view{"+-/*%~[](){}><=.:|,;"}.find(c) == std::string_view::npos) {
      std::size_t next = pos_;
      utf8_next(src_, next);
      fail_at(pos_, fmt::format("the character '{}' has no meaning here", src_.substr(pos_, next - pos_)));
    }
    if (c == '(' || c == '[' || c == '{') open += c == '(' ? ')' : c == '[' ? ']' : '}';
    if (c == ')' || c == ']' || c == '}') {
      if (open.empty()) fail_at(pos_, fmt::format("'{}' closes nothing", c));
      if (open.back() != c) fail_at(pos_, fmt::format("'{}' where '{}' is expected", c, open.back()));
      open.pop_back();
    }
    add(TokenType::op, pos_, std::string(1, c));
    ++pos_;
  }

  std::string source_;
  std::string_view src_;
  std::vector<std::size_t> line_starts_;
  std::vector<Token> tokens_;
  std::size_t pos_ = 0;
  bool line_starting_ = true;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source) { return Lexer{source}.run(); }

}  // namespace zenith::models::jinja
