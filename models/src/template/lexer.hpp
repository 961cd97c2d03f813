// Template source to tokens, with jinja2's whitespace control (trim_blocks and lstrip_blocks on).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace zenith::models::jinja {

enum class TokenType : std::uint8_t {
  data,
  block_begin,
  block_end,
  print_begin,
  print_end,
  name,
  string,
  integer,
  floating,
  op,
  end
};

struct Token {
  TokenType type = TokenType::end;
  std::string text;  // of data, name, string (unescaped) and operator
  std::int64_t integer = 0;
  double floating = 0;
  int line = 1, column = 1;

  bool is(std::string_view op) const noexcept { return type == TokenType::op && text == op; }
  bool is_name(std::string_view name) const noexcept { return type == TokenType::name && text == name; }
};

/// Ends with one token of type end. Throws TemplateError (bad_file) with line and column.
std::vector<Token> tokenize(std::string_view source);

}  // namespace zenith::models::jinja
