// Python's operators and conversions over Val.
#pragma once

#include <optional>

#include "template/interpreter.hpp"

namespace zenith::models::jinja {

std::string_view type_name(const Val& value) noexcept;  ///< "str", "dict", …
bool truth(const Val& value);
bool equals(Interpreter& in, const Val& a, const Val& b);
bool less(Interpreter& in, const Val& a, const Val& b,
          std::string_view op = "<");  ///< throws for types without an order
bool contains(Interpreter& in, const Val& container, const Val& item);
Val binary(Interpreter& in, Op op, const Val& a, const Val& b);
Val negate(Interpreter& in, const Val& value);
std::optional<std::int64_t> length(const Val& value);  ///< nothing for what has none

Text str(Interpreter& in, const Val& value);  ///< str(value); "" for undefined
Text repr(Interpreter& in, const Val& value);
std::string float_repr(double value);
/// A string for `str`, shared when the value already is one.
Val to_string(Interpreter& in, const Val& value);

Val* find(Interpreter& in, Dict& dict, const Val& key);
void insert(Interpreter& in, Dict& dict, const Val& key, Val value);
bool hashable(const Val& value);

/// Python's slice indices: the positions that [start:stop:step] picks from `size` items.
struct Picked {
  std::int64_t start = 0, count = 0, step = 1;
};
Picked pick(Interpreter& in, std::int64_t size, const Val& start, const Val& stop, const Val& step);

std::int64_t integer(Interpreter& in, const Val& value, std::string_view what);  ///< throws when it is none

/// %-formatting: format % values.
Text format_percent(Interpreter& in, const Text& format, const Val& values);
/// format.format(*args, **kwargs).
Text format_braces(Interpreter& in, const Text& format, const Args& args);

struct JsonStyle {
  bool ascii = false, sort_keys = false;
  std::optional<Text> indent;
  std::optional<Text> item_separator, key_separator;
};
Text to_json(Interpreter& in, const Val& value, const JsonStyle& style);

std::string format_time(std::string_view format, std::int64_t unix_seconds);  ///< strftime in UTC, English names

}  // namespace zenith::models::jinja
