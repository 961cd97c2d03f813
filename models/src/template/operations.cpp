#include "template/operations.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace zenith::models::jinja {
namespace {

constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();

std::string_view operator_sign(Op op) {
  switch (op) {
    case Op::add: return "+";
    case Op::subtract: return "-";
    case Op::multiply: return "*";
    case Op::divide: return "/";
    case Op::floor_divide: return "//";
    case Op::modulo: return "%";
    case Op::power: return "** or pow()";
    default: return "?";
  }
}

bool is_sequence(const Val& v) {
  return v.is(Kind::list) && (v.list->flavor == Flavor::list || v.list->flavor == Flavor::tuple);
}

Text escaped(const Text& text) {
  Text out;
  for (std::size_t i = 0; i < text.bytes.size(); ++i) {
    const char c = text.bytes[i];
    const std::string_view entity = c == '&'    ? "&amp;"
                                    : c == '<'  ? "&lt;"
                                    : c == '>'  ? "&gt;"
                                    : c == '"'  ? "&#34;"
                                    : c == '\'' ? "&#39;"
                                                : "";
    if (entity.empty()) {
      out.append(text, i, i + 1);
    } else {
      out.append(entity, text.tainted_at(i, i + 1));
    }
  }
  return out;
}

Val integer_power(Interpreter& in, std::int64_t base, std::int64_t exponent) {
  if (exponent < 0) {
    if (base == 0) in.fail("0 cannot be raised to a negative power");
    return Val{std::pow(static_cast<double>(base), static_cast<double>(exponent))};
  }
  std::int64_t result = 1;
  while (exponent > 0) {
    if ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result))
      in.fail("the power needs more than 64 bits");
    exponent >>= 1;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) {
      if (base == 0) break;
      in.fail("the power needs more than 64 bits");
    }
  }
  return Val{result};
}

Val integers(Interpreter& in, Op op, std::int64_t a, std::int64_t b) {
  std::int64_t out = 0;
  bool overflow = false;
  switch (op) {
    case Op::add: overflow = __builtin_add_overflow(a, b, &out); break;
    case Op::subtract: overflow = __builtin_sub_overflow(a, b, &out); break;
    case Op::multiply: overflow = __builtin_mul_overflow(a, b, &out); break;
    case Op::divide:
      if (b == 0) in.fail("division by zero");
      return Val{static_cast<double>(a) / static_cast<double>(b)};
    case Op::floor_divide:
    case Op::modulo: {
      if (b == 0) in.fail("integer division or modulo by zero");
      if (a == kMin && b == -1) {
        if (op == Op::modulo) return Val{std::int64_t{0}};
        overflow = true;
        break;
      }
      const std::int64_t rest = a % b;
      const bool down = rest != 0 && (rest < 0) != (b < 0);
      return op == Op::modulo ? Val{down ? rest + b : rest} : Val{a / b - (down ? 1 : 0)};
    }
    case Op::power: return integer_power(in, a, b);
    default: break;
  }
  if (overflow) in.fail("the number needs more than 64 bits");
  return Val{out};
}

Val floats(Interpreter& in, Op op, double a, double b) {
  switch (op) {
    case Op::add: return Val{a + b};
    case Op::subtract: return Val{a - b};
    case Op::multiply: return Val{a * b};
    case Op::divide:
      if (b == 0) in.fail("float division by zero");
      return Val{a / b};
    case Op::floor_divide:
    case Op::modulo: {
      if (b == 0) in.fail("float floor division or modulo by zero");
      // As CPython does it: the quotient is exact up to rounding once the remainder is taken off.
      double rest = std::fmod(a, b);
      double quotient = (a - rest) / b;
      if (rest == 0) {
        rest = std::copysign(0.0, b);
      } else if ((rest < 0) != (b < 0)) {
        rest += b;
        quotient -= 1.0;
      }
      if (op == Op::modulo) return Val{rest};
      if (quotient == 0) return Val{std::copysign(0.0, a / b)};
      const double floor = std::floor(quotient);
      return Val{quotient - floor > 0.5 ? floor + 1.0 : floor};
    }
    case Op::power:
      if (a < 0 && b != std::floor(b)) in.fail("a negative number has no real power");
      if (a == 0 && b < 0) in.fail("0.0 cannot be raised to a negative power");
      return Val{std::pow(a, b)};
    default: in.fail("unknown operator");
  }
}

Val repeat(Interpreter& in, const Val& value, std::int64_t count) {
  count = std::max<std::int64_t>(count, 0);
  if (value.is_str()) {
    const std::size_t size = value.view().size();
    if (size != 0 && static_cast<std::uint64_t>(count) > std::numeric_limits<std::uint32_t>::max()) {
      in.heap.check_string(std::numeric_limits<std::size_t>::max());
    }
    in.heap.check_string(size * static_cast<std::size_t>(count));
    in.step(size * static_cast<std::size_t>(count) / 64 + (size == 0 ? 0 : static_cast<std::uint64_t>(count)));
    Text out;
    if (size != 0) {
      for (std::int64_t i = 0; i < count; ++i) out.append(value.text());
    }
    out.markup = value.text().markup;
    return in.string(std::move(out));
  }
  List* made = in.heap.list(value.list->flavor);
  if (value.list->items.empty()) return Val{made};
  for (std::int64_t i = 0; i < count; ++i) {
    in.step(1 + value.list->items.size() / 16);
    for (const Val& item : value.list->items) in.heap.push(*made, item);
  }
  return Val{made};
}

Val joined(Interpreter& in, const Val& a, const Val& b) {
  if (a.is_str()) {
    in.heap.check_string(a.view().size() + b.view().size());
    in.step((a.view().size() + b.view().size()) / 64);
    const bool markup = a.text().markup || b.text().markup;
    Text out;
    out.append(markup && !a.text().markup ? escaped(a.text()) : a.text());
    out.append(markup && !b.text().markup ? escaped(b.text()) : b.text());
    out.markup = markup;
    return in.string(std::move(out));
  }
  List* made = in.heap.list(a.list->flavor);
  in.step((a.list->items.size() + b.list->items.size()) / 16);
  for (const List* part : {a.list, b.list}) {
    for (const Val& item : part->items) in.heap.push(*made, item);
  }
  return Val{made};
}

}  // namespace

std::string_view type_name(const Val& value) noexcept {
  switch (value.kind) {
    case Kind::undefined: return "Undefined";
    case Kind::none: return "NoneType";
    case Kind::boolean: return "bool";
    case Kind::integer: return "int";
    case Kind::floating: return "float";
    case Kind::string: return "str";
    case Kind::list:
      switch (value.list->flavor) {
        case Flavor::list: return "list";
        case Flavor::tuple: return "tuple";
        case Flavor::items: return "dict_items";
        case Flavor::keys: return "dict_keys";
        case Flavor::values: return "dict_values";
        case Flavor::generator: return "generator";
      }
      return "list";
    case Kind::dict: return "dict";
    case Kind::ns: return "Namespace";
    case Kind::range: return "range";
    case Kind::loop: return "LoopContext";
    case Kind::callable: return value.callable->type == Callable::Type::macro ? "Macro" : "function";
  }
  return "?";
}

bool truth(const Val& value) {
  switch (value.kind) {
    case Kind::undefined:
    case Kind::none: return false;
    case Kind::boolean: return value.boolean;
    case Kind::integer: return value.integer != 0;
    case Kind::floating: return value.floating != 0;
    case Kind::string: return !value.view().empty();
    case Kind::list: return value.list->flavor == Flavor::generator || !value.list->items.empty();
    case Kind::dict: return !value.dict->entries.empty();
    case Kind::range: return value.range->size() != 0;
    case Kind::ns:
    case Kind::loop:
    case Kind::callable: return true;
  }
  return false;
}

std::optional<std::int64_t> length(const Val& value) {
  switch (value.kind) {
    case Kind::undefined: return 0;
    case Kind::string: return static_cast<std::int64_t>(value.str->length);
    case Kind::list:
      if (value.list->flavor == Flavor::generator) return std::nullopt;
      return static_cast<std::int64_t>(value.list->items.size());
    case Kind::dict: return static_cast<std::int64_t>(value.dict->entries.size());
    case Kind::range: return value.range->size();
    case Kind::loop: return value.loop->items != nullptr ? static_cast<std::int64_t>(value.loop->items->size()) : 0;
    default: return std::nullopt;
  }
}

bool equals(Interpreter& in, const Val& a, const Val& b) {
  in.step();
  if (a.is_number() && b.is_number()) {
    if (a.is_int() && b.is_int()) return a.as_int() == b.as_int();
    return a.as_double() == b.as_double();
  }
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case Kind::undefined:
    case Kind::none: return true;
    case Kind::string:
      if (a.view().size() == b.view().size()) in.step(a.view().size() / 64);
      return a.view() == b.view();
    case Kind::list: {
      if (a.list == b.list) return true;
      if (a.list->flavor != b.list->flavor || a.list->flavor == Flavor::generator) return false;
      if (a.list->items.size() != b.list->items.size()) return false;
      const Interpreter::Deeper deeper(in);
      for (std::size_t i = 0; i < a.list->items.size(); ++i) {
        if (!equals(in, a.list->items[i], b.list->items[i])) return false;
      }
      return true;
    }
    case Kind::dict: {
      if (a.dict == b.dict) return true;
      if (a.dict->entries.size() != b.dict->entries.size()) return false;
      const Interpreter::Deeper deeper(in);
      for (const auto& [key, value] : a.dict->entries) {
        const Val* other = find(in, *b.dict, key);
        if (other == nullptr || !equals(in, value, *other)) return false;
      }
      return true;
    }
    case Kind::range: {
      const Range &x = *a.range, &y = *b.range;
      if (x.size() != y.size()) return false;
      return x.size() == 0 || (x.start == y.start && (x.size() == 1 || x.step == y.step));
    }
    case Kind::ns: return a.ns == b.ns;
    case Kind::loop: return a.loop == b.loop;
    case Kind::callable: return a.callable == b.callable;
    default: return false;
  }
}

bool less(Interpreter& in, const Val& a, const Val& b, std::string_view op) {
  in.step();
  if (a.is(Kind::undefined)) in.fail_undefined(a);
  if (b.is(Kind::undefined)) in.fail_undefined(b);
  const auto apply = [&](const auto& x, const auto& y) {
    return op == "<" ? x < y : op == "<=" ? x <= y : op == ">" ? x > y : x >= y;
  };
  if (a.is_int() && b.is_int()) return apply(a.as_int(), b.as_int());
  if (a.is_number() && b.is_number()) return apply(a.as_double(), b.as_double());
  if (a.is_str() && b.is_str()) return apply(a.view().compare(b.view()), 0);
  if (is_sequence(a) && is_sequence(b) && a.list->flavor == b.list->flavor) {
    const Interpreter::Deeper deeper(in);
    const auto &x = a.list->items, &y = b.list->items;
    for (std::size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
      if (!equals(in, x[i], y[i])) return less(in, x[i], y[i], op);
    }
    return apply(x.size(), y.size());
  }
  in.fail(fmt::format("'{}' not supported between instances of '{}' and '{}'", op, type_name(a), type_name(b)));
}

bool contains(Interpreter& in, const Val& container, const Val& item) {
  switch (container.kind) {
    case Kind::string:
      if (!item.is_str()) {
        in.fail(fmt::format("'in <string>' requires string as left operand, not {}", type_name(item)));
      }
      in.step(container.view().size() / 64);
      return container.view().find(item.view()) != std::string_view::npos;
    case Kind::dict:
      if (!hashable(item)) in.fail(fmt::format("unhashable type: '{}'", type_name(item)));
      return find(in, *container.dict, item) != nullptr;
    case Kind::undefined: return false;
    case Kind::list:
      for (const Val& own : container.list->items) {
        if (equals(in, own, item)) return true;
      }
      return false;
    case Kind::range: {
      if (!item.is_number() || item.as_double() != std::floor(item.as_double())) return false;
      const auto at = static_cast<std::int64_t>(item.as_double());
      const Range& r = *container.range;
      const bool inside = r.step > 0 ? at >= r.start && at < r.stop : at <= r.start && at > r.stop;
      return inside && (at - r.start) % r.step == 0;
    }
    default: in.fail(fmt::format("argument of type '{}' is not iterable", type_name(container)));
  }
}

Val binary(Interpreter& in, Op op, const Val& a, const Val& b) {
  if (a.is(Kind::undefined)) in.fail_undefined(a);
  if (op == Op::modulo && a.is_str()) return in.string(format_percent(in, a.text(), b));
  if (b.is(Kind::undefined)) in.fail_undefined(b);
  if (a.is_int() && b.is_int()) return integers(in, op, a.as_int(), b.as_int());
  if (a.is_number() && b.is_number()) return floats(in, op, a.as_double(), b.as_double());
  if (op == Op::add) {
    if (a.is_str() && b.is_str()) return joined(in, a, b);
    if (is_sequence(a) && is_sequence(b) && a.list->flavor == b.list->flavor) return joined(in, a, b);
  }
  if (op == Op::multiply) {
    if ((a.is_str() || is_sequence(a)) && b.is_int()) return repeat(in, a, b.as_int());
    if ((b.is_str() || is_sequence(b)) && a.is_int()) return repeat(in, b, a.as_int());
  }
  if (op == Op::add && a.is_str()) {
    in.fail(fmt::format("can only concatenate str (not \"{}\") to str", type_name(b)));
  }
  in.fail(
      fmt::format("unsupported operand type(s) for {}: '{}' and '{}'", operator_sign(op), type_name(a), type_name(b)));
}

Val negate(Interpreter& in, const Val& value) {
  if (value.is(Kind::undefined)) in.fail_undefined(value);
  if (value.is(Kind::floating)) return Val{-value.floating};
  if (value.is_int()) return integers(in, Op::subtract, 0, value.as_int());
  in.fail(fmt::format("bad operand type for unary -: '{}'", type_name(value)));
}

bool hashable(const Val& value) {
  if (value.is(Kind::dict)) return false;
  if (!value.is(Kind::list)) return true;
  if (value.list->flavor != Flavor::tuple) return value.list->flavor == Flavor::generator;
  return std::all_of(value.list->items.begin(), value.list->items.end(),
                     [](const Val& v) { return !v.is(Kind::list) && hashable(v); });
}

Val* find(Interpreter& in, Dict& dict, const Val& key) {
  if (key.is_str()) {
    in.step(dict.entries.size() / 16);
    for (auto& [own, value] : dict.entries) {
      if (own.is_str() && own.view() == key.view()) return &value;
    }
    return nullptr;
  }
  for (auto& [own, value] : dict.entries) {
    if (equals(in, own, key)) return &value;
  }
  return nullptr;
}

void insert(Interpreter& in, Dict& dict, const Val& key, Val value) {
  if (!hashable(key)) in.fail(fmt::format("unhashable type: '{}'", type_name(key)));
  if (Val* found = find(in, dict, key)) {
    *found = std::move(value);
    return;
  }
  in.heap.charge(2 * sizeof(Val));
  dict.entries.emplace_back(key, std::move(value));
}

std::int64_t integer(Interpreter& in, const Val& value, std::string_view what) {
  if (value.is(Kind::undefined)) in.fail_undefined(value);
  if (!value.is_int()) in.fail(fmt::format("{} must be an integer, not {}", what, type_name(value)));
  return value.as_int();
}

Picked pick(Interpreter& in, std::int64_t size, const Val& start, const Val& stop, const Val& step) {
  const auto bound = [&](const Val& v, std::int64_t fallback, std::int64_t low, std::int64_t high) {
    if (v.is(Kind::none)) return fallback;
    std::int64_t at = integer(in, v, "a slice index");
    if (at < 0) at = at < -size ? low : at + size;
    return std::clamp(at, low, high);
  };
  Picked out;
  out.step = step.is(Kind::none) ? 1 : integer(in, step, "a slice step");
  if (out.step == 0) in.fail("slice step cannot be zero");
  out.step = std::clamp(out.step, -size - 1, size + 1);
  if (out.step == 0) out.step = 1;
  std::int64_t end = 0;
  if (out.step > 0) {
    out.start = bound(start, 0, 0, size);
    end = bound(stop, size, 0, size);
    out.count = end > out.start ? (end - out.start - 1) / out.step + 1 : 0;
  } else {
    out.start = bound(start, size - 1, -1, size - 1);
    end = bound(stop, -1, -1, size - 1);
    out.count = out.start > end ? (out.start - end - 1) / -out.step + 1 : 0;
  }
  return out;
}

}  // namespace zenith::models::jinja
