// Filters that make a string or a number.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>

#include <fmt/format.h>

#include "template/builtins.hpp"
#include "template/operations.hpp"
#include "template/strings.hpp"
#include "zenith/core/utf8.hpp"

namespace zenith::models::jinja {
namespace {

template <Case kCase>
Val change_case(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "upper", args, {});
  const Val text = to_string(in, v);
  in.step(text.view().size() / 16);
  return in.string(to_case(text.text(), kCase));
}

Val capitalize_filter(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "capitalize", args, {});
  return in.string(capitalize(to_string(in, v).text()));
}

// Words begin behind blanks and opening brackets; what follows is lowered.
Val title_filter(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "title", args, {});
  const Val source = to_string(in, v);
  const Text& text = source.text();
  in.step(text.bytes.size() / 16);
  Text out;
  bool start = true;
  for (std::size_t pos = 0; pos < text.bytes.size();) {
    const std::size_t begin = pos;
    const char32_t c = utf8_next(text.bytes, pos);
    const bool separator = c == '-' || c == '(' || c == '{' || c == '[' || c == '<' || is_space(c);
    std::string piece;
    append_case(piece, c, start || separator ? Case::upper : Case::lower);
    out.append(piece, text.tainted_at(begin, pos));
    start = separator;
  }
  return in.string(std::move(out));
}

Val trim(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "trim", args, {"chars"});
  const Text* chars = nullptr;
  if (a[0] != nullptr && !a[0]->is(Kind::none)) {
    if (!a[0]->is_str()) in.fail(fmt::format("strip arg must be None or str, not {}", type_name(*a[0])));
    chars = &a[0]->text();
  }
  return in.string(strip(to_string(in, v).text(), Side::both, chars));
}

Val replace_filter(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "replace", args, {"old", "new", "count"});
  Args plain;
  plain.positional = {to_string(in, a.need(0)), to_string(in, a.need(1))};
  if (a[2] != nullptr && !a[2]->is(Kind::none)) plain.positional.push_back(*a[2]);
  return call_string_method(in, to_string(in, v), "replace", plain);
}

Val indent_filter(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "indent", args, {"width", "first", "blank"});
  Text by;
  if (a[0] != nullptr && a[0]->is_str()) {
    by = a[0]->text();
  } else {
    const std::int64_t width = a.number(0, 4);
    if (width > 0) {
      in.heap.check_string(static_cast<std::size_t>(width));
      by.bytes.assign(static_cast<std::size_t>(width), ' ');
    }
  }
  const Val text = to_string(in, v);
  const auto lines =
      static_cast<std::size_t>(std::count_if(text.view().begin(), text.view().end(), [](char c) { return c < 0x20; })) +
      1;
  in.heap.check_string(lines * by.bytes.size() + text.view().size());
  in.step((lines * by.bytes.size() + text.view().size()) / 64 + lines);
  return in.string(indent(text.text(), by, a.flag(1, false), a.flag(2, false)));
}

Val center(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "center", args, {"width"});
  Args plain;
  plain.positional = {Val{a.number(0, 80)}};
  return call_string_method(in, to_string(in, v), "center", plain);
}

Val truncate(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "truncate", args, {"length", "killwords", "end", "leeway"});
  const Val s = to_string(in, v);
  const std::int64_t size = a.number(0, 255), leeway = a[3] != nullptr && !a[3]->is(Kind::none) ? a.number(3, 5) : 5;
  const Val end = a.text(2, "...");
  const auto end_size = static_cast<std::int64_t>(end.str->length);
  if (size < end_size) in.fail(fmt::format("expected length >= {}, got {}", end_size, size));
  if (leeway < 0) in.fail(fmt::format("expected leeway >= 0, got {}", leeway));
  if (static_cast<std::int64_t>(s.str->length) <= size + leeway) return s;
  Text out = s.text().slice(0, byte_offset(s.view(), static_cast<std::size_t>(size - end_size)));
  if (!a.flag(1, false)) {
    const std::size_t space = out.bytes.rfind(' ');
    if (space != std::string::npos) out = out.slice(0, space);
  }
  out.append(end.text());
  return in.string(std::move(out));
}

Val wordcount(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "wordcount", args, {});
  const Val s = to_string(in, v);
  std::int64_t count = 0;
  bool inside = false;
  for (std::size_t pos = 0; pos < s.view().size();) {
    const char32_t c = utf8_next(s.view(), pos);
    const bool word = c == '_' || is_alpha(c) || is_numeric(c);
    count += word && !inside ? 1 : 0;
    inside = word;
  }
  return Val{count};
}

Val string_filter(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "string", args, {});
  return to_string(in, v);
}

Val safe(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "safe", args, {});
  Text text = str(in, v);
  text.markup = true;
  return in.string(std::move(text));
}

Val escape(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "escape", args, {});
  const Val text = to_string(in, v);
  in.heap.check_string(text.view().size());
  in.step(text.view().size() / 16);
  return in.string(escape_html(text.text()));
}

Val forceescape(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "forceescape", args, {});
  Text text = str(in, v);
  text.markup = false;
  in.step(text.bytes.size() / 16);
  return in.string(escape_html(text));
}

Val format_filter(Interpreter& in, const Val& v, const Args& args) {
  if (!args.named.empty() && !args.positional.empty())
    in.fail("format takes positional or keyword arguments, not both");
  const Val text = to_string(in, v);
  if (args.named.empty()) return in.string(format_percent(in, text.text(), in.list(args.positional, Flavor::tuple)));
  Dict* values = in.heap.dict();
  for (const auto& [name, value] : args.named) insert(in, *values, in.string(Text{name, true}), value);
  return in.string(format_percent(in, text.text(), Val{values}));
}

Val tojson(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "tojson", args, {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style;
  style.ascii = a.flag(0, false);
  style.sort_keys = a.flag(3, false);
  if (a[1] != nullptr && !a[1]->is(Kind::none)) {
    if (a[1]->is_str()) {
      style.indent = a[1]->text();
    } else {
      const std::int64_t width = a.number(1, 0);
      if (width > 64) in.fail("an indent of more than 64 is not supported");
      style.indent = Text{std::string(static_cast<std::size_t>(std::max<std::int64_t>(width, 0)), ' ')};
    }
  }
  if (a[2] != nullptr && !a[2]->is(Kind::none)) {
    const auto parts = in.iterate(*a[2]);
    if (parts.size() != 2 || !parts[0].is_str() || !parts[1].is_str()) in.fail("separators must be two strings");
    style.item_separator = parts[0].text();
    style.key_separator = parts[1].text();
  }
  return in.string(to_json(in, v, style));
}

std::string without_underscores(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto digit = [&](std::size_t at) {
      return at < text.size() && std::isalnum(static_cast<unsigned char>(text[at])) != 0;
    };
    if (text[i] == '_' && i > 0 && digit(i - 1) && digit(i + 1)) continue;
    out += text[i];
  }
  return out;
}

std::optional<std::int64_t> parse_int(std::string_view text, std::int64_t base) {
  std::string digits = without_underscores(text.substr(0, rstrip_space(text, text.size()))
                                               .substr(std::min(skip_space(text, 0), rstrip_space(text, text.size()))));
  bool negative = false;
  if (!digits.empty() && (digits[0] == '-' || digits[0] == '+')) {
    negative = digits[0] == '-';
    digits.erase(0, 1);
  }
  if (digits.size() > 2 && digits[0] == '0') {
    const char x = static_cast<char>(digits[1] | 0x20);
    const std::int64_t named = x == 'x' ? 16 : x == 'o' ? 8 : x == 'b' ? 2 : 0;
    if (named != 0 && (base == named || base == 0)) {
      digits.erase(0, 2);
      base = named;
    }
  }
  if (base == 0) base = 10;
  if (base < 2 || base > 36) return std::nullopt;
  std::int64_t value = 0;
  if (digits.empty() || digits[0] == '-') return std::nullopt;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value, static_cast<int>(base));
  if (result.ec != std::errc{} || result.ptr != digits.data() + digits.size()) return std::nullopt;
  return negative ? -value : value;
}

std::optional<double> parse_float(std::string_view text) {
  const std::size_t end = rstrip_space(text, text.size());
  std::string digits = without_underscores(text.substr(0, end).substr(std::min(skip_space(text, 0), end)));
  if (!digits.empty() && digits[0] == '+') digits.erase(0, 1);
  if (digits.empty()) return std::nullopt;
  double value = 0;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (result.ptr != digits.data() + digits.size() || result.ec == std::errc::invalid_argument) return std::nullopt;
  if (result.ec != std::errc{}) value = std::strtod(digits.c_str(), nullptr);
  return value;
}

std::optional<std::int64_t> to_int(double value) {
  if (!(value > -9.2e18 && value < 9.2e18)) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

Val int_filter(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "int", args, {"default", "base"});
  if (v.is(Kind::undefined)) in.fail_undefined(v);
  if (v.is_int()) return Val{v.as_int()};
  std::optional<std::int64_t> value;
  if (v.is(Kind::floating)) value = to_int(v.floating);
  if (v.is_str()) {
    value = parse_int(v.view(), a.number(1, 10));
    if (!value) {
      if (const auto real = parse_float(v.view())) value = to_int(*real);
    }
  }
  if (value) return Val{*value};
  return a[0] != nullptr ? *a[0] : Val{std::int64_t{0}};
}

Val float_filter(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "float", args, {"default"});
  if (v.is(Kind::undefined)) in.fail_undefined(v);
  if (v.is_number()) return Val{v.as_double()};
  if (v.is_str()) {
    if (const auto value = parse_float(v.view())) return Val{*value};
  }
  return a[0] != nullptr ? *a[0] : Val{0.0};
}

Val abs_filter(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "abs", args, {});
  if (v.is(Kind::undefined)) in.fail_undefined(v);
  if (!v.is_number()) in.fail(fmt::format("bad operand type for abs(): '{}'", type_name(v)));
  return truth(Val{v.as_double() < 0}) ? negate(in, v) : v.is(Kind::boolean) ? Val{v.as_int()} : v;
}

Val round_filter(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "round", args, {"precision", "method"});
  const std::int64_t precision = std::clamp<std::int64_t>(a.number(0, 0), -300, 300);
  const Val method = a.text(1, "common");
  if (v.is(Kind::undefined)) in.fail_undefined(v);
  if (!v.is_number()) in.fail(fmt::format("type {} doesn't define __round__ method", type_name(v)));
  if (method.view() == "common") {
    if (v.is_int() && precision >= 0) return Val{v.as_int()};
    if (precision >= 0) {
      if (!std::isfinite(v.as_double())) return v;
      return Val{std::strtod(fmt::format("{:.{}f}", v.as_double(), precision).c_str(), nullptr)};
    }
    const double scale = std::pow(10.0, static_cast<double>(-precision));
    const double rounded = std::nearbyint(v.as_double() / scale) * scale;
    return v.is_int() ? Val{to_int(rounded).value_or(0)} : Val{rounded};
  }
  if (method.view() != "ceil" && method.view() != "floor") in.fail("method must be common, ceil or floor");
  const double scale = std::pow(10.0, static_cast<double>(precision));
  const double scaled = v.as_double() * scale;
  return Val{(method.view() == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale};
}

constexpr FilterRow kFilters[] = {
    {"abs", abs_filter},
    {"capitalize", capitalize_filter},
    {"center", center},
    {"e", escape},
    {"escape", escape},
    {"float", float_filter},
    {"forceescape", forceescape},
    {"format", format_filter},
    {"indent", indent_filter},
    {"int", int_filter},
    {"lower", change_case<Case::lower>},
    {"replace", replace_filter},
    {"round", round_filter},
    {"safe", safe},
    {"string", string_filter},
    {"title", title_filter},
    {"tojson", tojson},
    {"trim", trim},
    {"truncate", truncate},
    {"upper", change_case<Case::upper>},
    {"wordcount", wordcount},
};

}  // namespace

std::optional<Filter> find_text_filter(std::string_view name) noexcept {
  const auto it =
      std::find_if(std::begin(kFilters), std::end(kFilters), [&](const FilterRow& r) { return r.name == name; });
  return it == std::end(kFilters) ? std::nullopt : std::optional{it->filter};
}

Filter find_filter(std::string_view name) noexcept {
  if (const auto found = find_text_filter(name)) return *found;
  return find_sequence_filter(name).value_or(nullptr);
}

}  // namespace zenith::models::jinja
