// Character properties and case mappings as Python's str has them.
#pragma once

#include <string>
#include <string_view>

namespace zenith::models::jinja {

enum class Case { upper, lower, title };

bool is_printable(char32_t c) noexcept;
bool is_alpha(char32_t c) noexcept;
bool is_digit_char(char32_t c) noexcept;  ///< str.isdigit
bool is_numeric(char32_t c) noexcept;
/// Appends `c` in that case; may be several characters ("ß" to "SS"). The final sigma is not special.
void append_case(std::string& out, char32_t c, Case to);
bool is_cased(char32_t c);  ///< has a form in another case

}  // namespace zenith::models::jinja
