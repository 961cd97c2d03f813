// str(), repr() and JSON.
#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "template/operations.hpp"
#include "template/unicode.hpp"
#include "zenith/core/utf8.hpp"

namespace zenith::models::jinja {
namespace {

void append_repr(Interpreter& in, Text& out, const Val& value);

Text repr_of_string(const Text& text) {
  const bool single = text.bytes.find('\'') != std::string::npos;
  const bool dual = text.bytes.find('"') != std::string::npos;
  const char quote = single && !dual ? '"' : '\'';
  Text out;
  out.append(std::string_view{&quote, 1});
  for (std::size_t pos = 0; pos < text.bytes.size();) {
    const std::size_t begin = pos;
    const char32_t c = utf8_next(text.bytes, pos);
    const bool taint = text.tainted_at(begin, pos);
    if (c == static_cast<char32_t>(quote) || c == '\\') {
      out.append("\\", taint);
      out.append(text, begin, pos);
    } else if (c == '\n' || c == '\r' || c == '\t') {
      out.append(c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t", taint);
    } else if (!is_printable(c)) {
      const auto code = static_cast<std::uint32_t>(c);
      out.append(code < 0x100     ? fmt::format("\\x{:02x}", code)
                 : code < 0x10000 ? fmt::format("\\u{:04x}", code)
                                  : fmt::format("\\U{:08x}", code),
                 taint);
    } else {
      out.append(text, begin, pos);
    }
  }
  out.append(std::string_view{&quote, 1});
  return out;
}

void append_items(Interpreter& in, Text& out, const std::vector<Val>& items) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out.append(", ");
    append_repr(in, out, items[i]);
    in.heap.check_string(out.bytes.size());
  }
}

void append_list(Interpreter& in, Text& out, const List& list) {
  switch (list.flavor) {
    case Flavor::list:
      out.append("[");
      append_items(in, out, list.items);
      out.append("]");
      return;
    case Flavor::tuple:
      out.append("(");
      append_items(in, out, list.items);
      out.append(list.items.size() == 1 ? ",)" : ")");
      return;
    case Flavor::items:
    case Flavor::keys:
    case Flavor::values:
      out.append(list.flavor == Flavor::items  ? "dict_items(["
                 : list.flavor == Flavor::keys ? "dict_keys(["
                                               : "dict_values([");
      append_items(in, out, list.items);
      out.append("])");
      return;
    case Flavor::generator: out.append("<generator object>"); return;
  }
}

void append_entries(Interpreter& in, Text& out, const Dict& dict) {
  out.append("{");
  bool first = true;
  for (const auto& [key, value] : dict.entries) {
    if (!first) out.append(", ");
    first = false;
    append_repr(in, out, key);
    out.append(": ");
    append_repr(in, out, value);
    in.heap.check_string(out.bytes.size());
  }
  out.append("}");
}

void append_repr(Interpreter& in, Text& out, const Val& value) {
  in.step();
  const Interpreter::Deeper deeper(in);
  switch (value.kind) {
    case Kind::undefined: out.append("Undefined"); return;
    case Kind::none: out.append("None"); return;
    case Kind::boolean: out.append(value.boolean ? "True" : "False"); return;
    case Kind::integer: out.append(std::to_string(value.integer)); return;
    case Kind::floating: out.append(float_repr(value.floating)); return;
    case Kind::string: out.append(repr_of_string(value.text())); return;
    case Kind::list: append_list(in, out, *value.list); return;
    case Kind::dict: append_entries(in, out, *value.dict); return;
    case Kind::range:
      out.append(fmt::format("range({}, {}", value.range->start, value.range->stop));
      out.append(value.range->step == 1 ? ")" : fmt::format(", {})", value.range->step));
      return;
    case Kind::ns: {
      out.append("<Namespace {");
      bool first = true;
      for (const auto& [name, item] : value.ns->attributes) {
        out.append(fmt::format("{}'{}': ", first ? "" : ", ", name));
        first = false;
        append_repr(in, out, item);
      }
      out.append("}>");
      return;
    }
    case Kind::loop:
      out.append(fmt::format("<LoopContext {}/{}>", value.loop->index + 1,
                             value.loop->items != nullptr ? value.loop->items->size() : 0));
      return;
    case Kind::callable:
      out.append(value.callable->type == Callable::Type::macro ? fmt::format("<Macro '{}'>", value.callable->name)
                                                               : fmt::format("<function {}>", value.callable->name));
      return;
  }
}

class JsonWriter {
 public:
  JsonWriter(Interpreter& in, const JsonStyle& style) : in_(in), style_(style) {
    item_ = style.item_separator ? *style.item_separator : Text{style.indent ? "," : ", "};
    key_ = style.key_separator ? *style.key_separator : Text{": "};
  }

  void write(const Val& value, std::size_t level) {
    in_.step();
    const Interpreter::Deeper deeper(in_);
    in_.heap.check_string(out.bytes.size());
    switch (value.kind) {
      case Kind::none: out.append("null"); return;
      case Kind::boolean: out.append(value.boolean ? "true" : "false"); return;
      case Kind::integer: out.append(std::to_string(value.integer)); return;
      case Kind::floating: number(value.floating); return;
      case Kind::string: string(value.text()); return;
      case Kind::list:
        if (value.list->flavor == Flavor::list || value.list->flavor == Flavor::tuple)
          return array(value.list->items, level);
        break;
      case Kind::dict: return object(*value.dict, level);
      default: break;
    }
    in_.fail(fmt::format("Object of type {} is not JSON serializable", type_name(value)));
  }

  Text out;

 private:
  void number(double v) {
    out.append(std::isnan(v) ? "NaN" : std::isinf(v) ? (v < 0 ? "-Infinity" : "Infinity") : float_repr(v));
  }

  void string(const Text& text) {
    in_.step(text.bytes.size() / 64);
    // The quotes too: they stand beside what a user wrote.
    out.append("\"", text.tainted());
    for (std::size_t pos = 0; pos < text.bytes.size();) {
      const std::size_t begin = pos;
      const char32_t c = utf8_next(text.bytes, pos);
      constexpr std::string_view plain = "\"\\\n\r\t\b\f", letters = "\"\\nrtbf";
      const auto known = c < 0x80 ? plain.find(static_cast<char>(c)) : std::string_view::npos;
      if (known != std::string_view::npos) {
        out.append(fmt::format("\\{}", letters[known]), text.tainted_at(begin, pos));
      } else if (c < 0x20 || (style_.ascii && c >= 0x7F)) {
        escape(c, text.tainted_at(begin, pos));
      } else {
        out.append(text, begin, pos);
      }
    }
    out.append("\"", text.tainted());
  }

  void escape(char32_t c, bool taint) {
    const auto code = static_cast<std::uint32_t>(c);
    if (code < 0x10000) {
      out.append(fmt::format("\\u{:04x}", code), taint);
    } else {
      out.append(
          fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + ((code - 0x10000) >> 10), 0xDC00 + ((code - 0x10000) & 0x3FF)),
          taint);
    }
  }

  void line(std::size_t level) {
    if (!style_.indent) return;
    out.append("\n");
    for (std::size_t i = 0; i < level; ++i) out.append(*style_.indent);
    in_.step(level);
    in_.heap.check_string(out.bytes.size());
  }

  void array(const std::vector<Val>& items, std::size_t level) {
    if (items.empty()) return out.append("[]");
    out.append("[");
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out.append(item_);
      line(level + 1);
      write(items[i], level + 1);
    }
    line(level);
    out.append("]");
  }

  void object(const Dict& dict, std::size_t level) {
    if (dict.entries.empty()) return out.append("{}");
    std::vector<const std::pair<Val, Val>*> entries;
    for (const auto& entry : dict.entries) entries.push_back(&entry);
    if (style_.sort_keys) {
      std::stable_sort(entries.begin(), entries.end(),
                       [&](const auto* a, const auto* b) { return less(in_, a->first, b->first); });
    }
    out.append("{");
    bool first = true;
    for (const auto* entry : entries) {
      if (!first) out.append(item_);
      first = false;
      line(level + 1);
      key(entry->first);
      out.append(key_);
      write(entry->second, level + 1);
    }
    line(level);
    out.append("}");
  }

  void key(const Val& key) {
    switch (key.kind) {
      case Kind::string: return string(key.text());
      case Kind::boolean: return out.append(key.boolean ? "\"true\"" : "\"false\"");
      case Kind::none: return out.append("\"null\"");
      case Kind::integer: return out.append(fmt::format("\"{}\"", key.integer));
      case Kind::floating:
        out.append("\"");
        number(key.floating);
        return out.append("\"");
      default: in_.fail(fmt::format("keys must be str, int, float, bool or None, not {}", type_name(key)));
    }
  }

  Interpreter& in_;
  const JsonStyle& style_;
  Text item_, key_;
};

}  // namespace

std::string float_repr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[40];
  const double magnitude = std::fabs(value);
  const bool plain = magnitude == 0 || (magnitude >= 1e-4 && magnitude < 1e16);
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value,
                                 plain ? std::chars_format::fixed : std::chars_format::scientific);
  std::string text(buffer, end.ptr);
  if (plain && text.find('.') == std::string::npos) text += ".0";
  return text;
}

Text repr(Interpreter& in, const Val& value) {
  Text out;
  append_repr(in, out, value);
  return out;
}

Text str(Interpreter& in, const Val& value) {
  if (value.is_str()) return value.text();
  if (value.is(Kind::undefined)) return {};
  return repr(in, value);
}

Val to_string(Interpreter& in, const Val& value) { return value.is_str() ? value : in.string(str(in, value)); }

Text to_json(Interpreter& in, const Val& value, const JsonStyle& style) {
  JsonWriter writer(in, style);
  writer.write(value, 0);
  return std::move(writer.out);
}

}  // namespace zenith::models::jinja
