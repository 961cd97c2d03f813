// Operations on Text that methods and filters share. All keep track of untrusted bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "template/text.hpp"
#include "template/unicode.hpp"

namespace zenith::models::jinja {

Text to_case(const Text& text, Case to);
Text capitalize(const Text& text);
Text title(const Text& text);
enum class Side : unsigned char { left = 1, right = 2, both = 3 };
Text strip(const Text& text, Side side, const Text* chars);                            ///< chars nullptr: white space
Text replace(const Text& text, const Text& from, const Text& to, std::int64_t count);  ///< count < 0: all
std::vector<Text> split(const Text& text, const Text* separator, std::int64_t limit);  ///< nullptr: runs of white space
std::vector<Text> rsplit(const Text& text, const Text* separator, std::int64_t limit);
std::vector<Text> split_lines(const Text& text, bool keep_ends);
Text indent(const Text& text, const Text& by, bool first, bool blank);
Text padded(const Text& text, std::int64_t width, const Text& fill,
            Side side);  ///< side: where the text stays; both: center
Text escape_html(const Text& text);

}  // namespace zenith::models::jinja
