// "%s" % values and "{}".format(values).
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "template/builtins.hpp"
#include "template/operations.hpp"
#include "template/strings.hpp"

namespace zenith::models::jinja {
namespace {

constexpr std::size_t kMaxWidth = 100'000;

struct Spec {
  std::string fill = " ";
  char align = '\0';  // < > ^ =
  char sign = '-';
  bool alternate = false, zero = false, grouped = false;
  std::size_t width = 0;
  std::optional<std::size_t> precision;
  char type = '\0';
};

std::size_t read_number(Interpreter& in, std::string_view text, std::size_t& pos) {
  std::size_t value = 0;
  for (; pos < text.size() && text[pos] >= '0' && text[pos] <= '9'; ++pos) {
    value = value * 10 + static_cast<std::size_t>(text[pos] - '0');
    if (value > kMaxWidth) in.fail(fmt::format("a width or precision of more than {} is not supported", kMaxWidth));
  }
  return value;
}

std::string grouped(std::string digits) {
  const std::size_t whole = std::min(digits.find_first_not_of("0123456789"), digits.size());
  for (std::size_t at = whole; at > 3; at -= 3) digits.insert(at - 3, 1, ',');
  return digits;
}

// Sign, digits and padding of a number.
std::string number(const Spec& spec, bool negative, std::string digits) {
  if (spec.grouped) digits = grouped(std::move(digits));
  const std::string sign = negative ? "-" : spec.sign == '+' ? "+" : spec.sign == ' ' ? " " : "";
  const std::size_t used = sign.size() + digits.size();
  const std::size_t missing = spec.width > used ? spec.width - used : 0;
  const char align = spec.align != '\0' ? spec.align : spec.zero ? '=' : '>';
  const std::string fill = spec.zero && spec.align == '\0' ? "0" : spec.fill;
  const auto pad = [&](std::size_t n) {
    std::string out;
    for (std::size_t i = 0; i < n; ++i) out += fill;
    return out;
  };
  if (align == '=') return sign + pad(missing) + digits;
  if (align == '<') return sign + digits + pad(missing);
  if (align == '^') return pad(missing / 2) + sign + digits + pad(missing - missing / 2);
  return pad(missing) + sign + digits;
}

std::string integer_text(Interpreter& in, const Spec& spec, std::int64_t value) {
  const auto magnitude = value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  std::string digits;
  switch (spec.type) {
    case 'x': digits = fmt::format(fmt::runtime(spec.alternate ? "{:#x}" : "{:x}"), magnitude); break;
    case 'X': digits = fmt::format(fmt::runtime(spec.alternate ? "{:#X}" : "{:X}"), magnitude); break;
    case 'o': digits = fmt::format("{}{:o}", spec.alternate ? "0o" : "", magnitude); break;
    case 'b': digits = fmt::format("{}{:b}", spec.alternate ? "0b" : "", magnitude); break;
    case '\0':
    case 'd':
    case 'i':
    case 'u': digits = fmt::format("{}", magnitude); break;
    default: in.fail(fmt::format("unknown format code '{}' for an integer", spec.type));
  }
  return number(spec, value < 0, std::move(digits));
}

std::string float_text(Interpreter& in, const Spec& spec, double value) {
  const std::size_t precision = std::min<std::size_t>(spec.precision.value_or(6), 400);
  const double magnitude = std::fabs(value);
  std::string digits;
  if (!std::isfinite(value)) {
    digits = std::isnan(value) ? "nan" : "inf";
  } else {
    switch (spec.type) {
      case 'f':
      case 'F': digits = fmt::format("{:.{}f}", magnitude, precision); break;
      case 'e': digits = fmt::format("{:.{}e}", magnitude, precision); break;
      case 'E': digits = fmt::format("{:.{}E}", magnitude, precision); break;
      case 'g':
      case 'G': digits = fmt::format("{:.{}g}", magnitude, precision); break;
      case '%': digits = fmt::format("{:.{}f}%", magnitude * 100, precision); break;
      case '\0': digits = spec.precision ? fmt::format("{:.{}g}", magnitude, precision) : float_repr(magnitude); break;
      default: in.fail(fmt::format("unknown format code '{}' for a float", spec.type));
    }
  }
  return number(spec, std::signbit(value) && !std::isnan(value), std::move(digits));
}

Text padded_text(Interpreter& in, const Spec& spec, Text text) {
  if (spec.precision) text = text.slice(0, byte_offset(text.bytes, *spec.precision));
  in.heap.check_string(text.bytes.size() + spec.width);
  const auto size = count_codepoints(text.bytes);
  if (spec.width <= size) return text;
  const std::size_t missing = spec.width - size;
  const std::size_t left = spec.align == '>' ? missing : spec.align == '^' ? missing / 2 : 0;
  Text out;
  for (std::size_t i = 0; i < left; ++i) out.append(spec.fill);
  out.append(text);
  for (std::size_t i = left; i < missing; ++i) out.append(spec.fill);
  return out;
}

class Percent {
 public:
  Percent(Interpreter& in, const Text& format, const Val& values)
      : in_(in), format_(format), text_(format.bytes), values_(values) {
    tuple_ = values.is(Kind::list) && values.list->flavor == Flavor::tuple;
  }

  Text run() {
    while (pos_ < text_.size()) {
      const std::size_t mark = std::min(text_.find('%', pos_), text_.size());
      out_.append(format_, pos_, mark);
      pos_ = mark;
      if (pos_ < text_.size()) directive();
      in_.heap.check_string(out_.bytes.size());
      in_.step();
    }
    if (!named_ && (tuple_ ? used_ < values_.list->items.size() : used_ == 0 && !values_.is(Kind::dict))) {
      in_.fail("not all arguments converted during string formatting");
    }
    return std::move(out_);
  }

 private:
  Val next() {
    if (tuple_ ? used_ >= values_.list->items.size() : used_ > 0) in_.fail("not enough arguments for format string");
    return tuple_ ? values_.list->items[used_++] : (++used_, values_);
  }

  void directive() {
    ++pos_;
    std::optional<Val> value;
    if (pos_ < text_.size() && text_[pos_] == '(') {
      const std::size_t close = text_.find(')', pos_);
      if (close == std::string_view::npos) in_.fail("incomplete format key");
      if (!values_.is(Kind::dict)) in_.fail("format requires a mapping");
      const Val key = in_.string(Text{text_.substr(pos_ + 1, close - pos_ - 1)});
      const Val* found = find(in_, *values_.dict, key);
      if (found == nullptr) in_.fail(fmt::format("the format has no value '{}'", key.view()));
      value = *found;
      named_ = true;
      pos_ = close + 1;
    }
    Spec spec;
    spec.align = '>';
    for (; pos_ < text_.size() && std::string_view{"-+ #0"}.find(text_[pos_]) != std::string_view::npos; ++pos_) {
      const char c = text_[pos_];
      if (c == '-') spec.align = '<';
      if (c == '+' || (c == ' ' && spec.sign != '+')) spec.sign = c;
      if (c == '#') spec.alternate = true;
      if (c == '0') spec.zero = true;
    }
    spec.width = read_number(in_, text_, pos_);
    if (pos_ < text_.size() && text_[pos_] == '.') spec.precision = read_number(in_, text_, ++pos_);
    if (pos_ >= text_.size()) in_.fail("incomplete format");
    spec.type = text_[pos_++];
    if (spec.type == '%') return out_.append("%");
    convert(spec, value ? *value : next());
  }

  void convert(Spec spec, const Val& value) {
    switch (spec.type) {
      case 's': return out_.append(padded_text(in_, spec, str(in_, value)));
      case 'r':
      case 'a': return out_.append(padded_text(in_, spec, repr(in_, value)));
      default: break;
    }
    if (value.is(Kind::undefined)) in_.fail_undefined(value);
    if (spec.type == 'c' && value.is_str()) return out_.append(padded_text(in_, spec, value.text()));
    if (!value.is_number())
      in_.fail(fmt::format("%{} format: a number is required, not {}", spec.type, type_name(value)));
    if (spec.zero && spec.align != '<') spec.align = '\0';
    if (std::string_view{"diuxXo"}.find(spec.type) != std::string_view::npos) {
      const double real = value.as_double();
      if (!(real > -9.2e18 && real < 9.2e18)) in_.fail("the number needs more than 64 bits");
      return out_.append(
          integer_text(in_, spec, value.is(Kind::floating) ? static_cast<std::int64_t>(real) : value.as_int()));
    }
    if (std::string_view{"eEfFgG"}.find(spec.type) == std::string_view::npos) {
      in_.fail(fmt::format("unsupported format character '{}'", spec.type));
    }
    out_.append(float_text(in_, spec, value.as_double()));
  }

  Interpreter& in_;
  const Text& format_;
  std::string_view text_;
  const Val& values_;
  Text out_;
  std::size_t pos_ = 0, used_ = 0;
  bool tuple_ = false, named_ = false;
};

class Braces {
 public:
  Braces(Interpreter& in, const Text& format, const Args& args)
      : in_(in), format_(format), text_(format.bytes), args_(args) {}

  Text run() {
    while (pos_ < text_.size()) {
      const char c = text_[pos_];
      if (c == '{' && pos_ + 1 < text_.size() && text_[pos_ + 1] != '{') {
        field();
      } else {
        const bool pair = (c == '{' || c == '}') && pos_ + 1 < text_.size() && text_[pos_ + 1] == c;
        if ((c == '{' || c == '}') && !pair) in_.fail(fmt::format("Single '{}' encountered in format string", c));
        out_.append(format_, pos_, pos_ + 1);
        pos_ += pair ? 2 : 1;
      }
      in_.heap.check_string(out_.bytes.size());
      in_.step();
    }
    return std::move(out_);
  }

 private:
  void field() {
    const std::size_t close = text_.find('}', pos_);
    if (close == std::string_view::npos) in_.fail("expected '}' before end of string");
    std::string_view body = text_.substr(pos_ + 1, close - pos_ - 1);
    if (body.find('{') != std::string_view::npos)
      in_.fail("fields inside of fields are not supported in format strings");
    pos_ = close + 1;
    const std::size_t colon = body.find(':');
    const std::string_view spec = colon == std::string_view::npos ? std::string_view{} : body.substr(colon + 1);
    body = body.substr(0, colon);
    char conversion = '\0';
    if (const std::size_t bang = body.find('!'); bang != std::string_view::npos) {
      if (bang + 2 != body.size()) in_.fail("a conversion is one letter: !s or !r");
      conversion = body[bang + 1];
      body = body.substr(0, bang);
    }
    Val value = lookup(body);
    if (conversion == 'r') value = in_.string(repr(in_, value));
    if (conversion == 's') value = to_string(in_, value);
    const std::size_t begin = out_.bytes.size();
    write(value, spec);
    // A user's format may bring its own fill.
    if (format_.tainted() && !spec.empty()) out_.mark_from(begin);
  }

  Val lookup(std::string_view path) {
    const std::size_t end = std::min(path.find_first_of(".["), path.size());
    const std::string_view name = path.substr(0, end);
    Val value;
    if (name.find_first_not_of("0123456789") == std::string_view::npos) {
      std::size_t at = 0;
      const std::size_t index = name.empty() ? automatic_++ : read_number(in_, name, at);
      if (index >= args_.positional.size())
        in_.fail(fmt::format("Replacement index {} out of range for positional args tuple", index));
      value = args_.positional[index];
    } else {
      const auto it =
          std::find_if(args_.named.begin(), args_.named.end(), [&](const auto& n) { return n.first == name; });
      if (it == args_.named.end()) in_.fail(fmt::format("the format has no value '{}'", name));
      value = it->second;
    }
    for (path = path.substr(end); !path.empty();) {
      const bool bracket = path[0] == '[';
      const std::size_t stop = bracket ? path.find(']') : std::min(path.find_first_of(".[", 1), path.size());
      if (stop == std::string_view::npos) in_.fail("Missing ']' in format string");
      const Val key = in_.string(Text{path.substr(1, stop - 1)});
      std::size_t at = 0;
      const bool number =
          bracket && !key.view().empty() && key.view().find_first_not_of("0123456789") == std::string_view::npos;
      value = number    ? in_.item(value, Val{static_cast<std::int64_t>(read_number(in_, key.view(), at))})
              : bracket ? in_.item(value, key)
                        : in_.attribute(value, key);
      path = path.substr(bracket ? stop + 1 : stop);
    }
    return value;
  }

  Spec parse(std::string_view text) {
    Spec spec;
    std::size_t pos = 0;
    const auto is_align = [](char c) { return c == '<' || c == '>' || c == '^' || c == '='; };
    const std::size_t second = byte_offset(text, 1);
    if (second < text.size() && is_align(text[second])) {
      spec.fill = std::string{text.substr(0, second)};
      spec.align = text[second];
      pos = second + 1;
    } else if (!text.empty() && is_align(text[0])) {
      spec.align = text[pos++];
    }
    const auto next_is = [&](std::string_view set) {
      return pos < text.size() && set.find(text[pos]) != std::string_view::npos;
    };
    if (next_is("+- ")) spec.sign = text[pos++];
    if (next_is("#")) spec.alternate = ++pos != 0;
    if (next_is("0")) spec.zero = ++pos != 0;
    spec.width = read_number(in_, text, pos);
    if (next_is(",")) spec.grouped = ++pos != 0;
    if (next_is(".")) spec.precision = read_number(in_, text, ++pos);
    if (pos < text.size()) spec.type = text[pos++];
    if (pos != text.size()) in_.fail(fmt::format("Invalid format specifier '{}'", text));
    return spec;
  }

  void write(const Val& value, std::string_view text) {
    if (text.empty()) return out_.append(str(in_, value));
    const Spec spec = parse(text);
    if (value.is_str() && (spec.type == '\0' || spec.type == 's'))
      return out_.append(padded_text(in_, spec, value.text()));
    if (value.is_int() && std::string_view{"eEfFgG%"}.find(spec.type) == std::string_view::npos) {
      return out_.append(integer_text(in_, spec, value.as_int()));
    }
    if (value.is_number() && spec.type != 's') return out_.append(float_text(in_, spec, value.as_double()));
    in_.fail(fmt::format("unsupported format string for {}", type_name(value)));
  }

  Interpreter& in_;
  const Text& format_;
  std::string_view text_;
  const Args& args_;
  Text out_;
  std::size_t pos_ = 0, automatic_ = 0;
};

}  // namespace

Text format_percent(Interpreter& in, const Text& format, const Val& values) {
  return Percent{in, format, values}.run();
}
Text format_braces(Interpreter& in, const Text& format, const Args& args) { return Braces{in, format, args}.run(); }

}  // namespace zenith::models::jinja
