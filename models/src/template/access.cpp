// Attributes, items and iteration.
#include <algorithm>

#include <fmt/format.h>

#include "template/builtins.hpp"
#include "template/operations.hpp"

namespace zenith::models::jinja {
namespace {

Val loop_attribute(Interpreter& in, const Loop& loop, std::string_view name) {
  const auto size = loop.items != nullptr ? static_cast<std::int64_t>(loop.items->size()) : 0;
  const auto index = static_cast<std::int64_t>(loop.index);
  if (name == "index") return Val{index + 1};
  if (name == "index0") return Val{index};
  if (name == "revindex") return Val{size - index};
  if (name == "revindex0") return Val{size - index - 1};
  if (name == "first") return Val{index == 0};
  if (name == "last") return Val{index + 1 >= size};
  if (name == "length") return Val{size};
  if (name == "depth") return Val{std::int64_t{1}};  // only recursive loops go deeper
  if (name == "depth0") return Val{std::int64_t{0}};
  if (name == "previtem")
    return index > 0 && loop.items != nullptr ? (*loop.items)[loop.index - 1]
                                              : in.undefined("there is no previous item");
  if (name == "nextitem")
    return index + 1 < size ? (*loop.items)[loop.index + 1] : in.undefined("there is no next item");
  return in.undefined(fmt::format("'LoopContext object' has no attribute '{}'", name));
}

Val no_attribute(Interpreter& in, const Val& object, const Val& key) {
  if (object.is(Kind::none)) {
    return in.undefined(fmt::format("'None' has no attribute '{}'", key.is_str() ? key.view() : std::string_view{"?"}));
  }
  if (key.is_str())
    return in.undefined(fmt::format("'{} object' has no attribute '{}'", type_name(object), key.view()));
  return in.undefined(fmt::format("{} object has no element {}", type_name(object), repr(in, key).bytes));
}

// What getattr() finds: methods and the attributes of the engine's own objects. Nothing for a dict's keys.
std::optional<Val> own_attribute(Interpreter& in, const Val& object, std::string_view name) {
  if (object.is(Kind::loop)) {
    if (has_method(object, name)) goto method;
    return loop_attribute(in, *object.loop, name);
  }
  if (object.is(Kind::ns)) {
    for (const auto& [own, value] : object.ns->attributes) {
      if (own == name) return value;
    }
    return std::nullopt;
  }
  if (object.is(Kind::callable)) {
    const Callable& c = *object.callable;
    if (c.type == Callable::Type::macro && name == "name") return in.string(Text{c.name});
    if (c.type == Callable::Type::cycler && name == "current") return c.items[c.cursor % c.items.size()];
  }
  if (!has_method(object, name)) return std::nullopt;
method:
  Callable* method = in.heap.callable(Callable::Type::method);
  method->name = std::string{name};
  method->self = object;
  return Val{method};
}

}  // namespace

Val Interpreter::attribute(const Val& object, const Val& name) {
  if (object.is(Kind::undefined)) fail_undefined(object);
  if (auto found = own_attribute(*this, object, name.view())) return *std::move(found);
  if (object.is(Kind::dict)) {
    if (const Val* found = find(*this, *object.dict, name)) return *found;
  }
  return no_attribute(*this, object, name);
}

Val Interpreter::item(const Val& object, const Val& key) {
  switch (object.kind) {
    case Kind::undefined: fail_undefined(object);
    case Kind::dict:
      if (hashable(key)) {
        if (const Val* found = find(*this, *object.dict, key)) return *found;
      }
      break;
    case Kind::string:
    case Kind::range:
    case Kind::list: {
      if (!key.is_int() ||
          (object.is(Kind::list) && object.list->flavor != Flavor::list && object.list->flavor != Flavor::tuple))
        break;
      const std::int64_t size = *length(object);
      const std::int64_t at = key.as_int() < 0 ? key.as_int() + size : key.as_int();
      if (at < 0 || at >= size) break;
      const auto index = static_cast<std::size_t>(at);
      if (object.is(Kind::range)) return Val{object.range->start + at * object.range->step};
      if (object.is(Kind::list)) return object.list->items[index];
      const std::string_view text = object.view();
      const std::size_t begin = object.str->ascii() ? index : byte_offset(text, index);
      step(begin / 64);
      return string(object.text().slice(begin, begin + byte_offset(text.substr(begin), 1)));
    }
    default: break;
  }
  if (key.is_str()) {
    if (auto found = own_attribute(*this, object, key.view())) return *std::move(found);
  }
  return no_attribute(*this, object, key);
}

std::vector<Val> Interpreter::iterate(const Val& value) {
  std::vector<Val> out;
  switch (value.kind) {
    case Kind::undefined: return out;
    case Kind::list: {
      List& list = *value.list;
      step(list.items.size() / 8);
      if (list.flavor != Flavor::generator) return list.items;
      out.assign(list.items.begin() + static_cast<std::ptrdiff_t>(list.cursor), list.items.end());
      list.cursor = list.items.size();
      return out;
    }
    case Kind::dict:
      step(value.dict->entries.size() / 8);
      for (const auto& [key, unused] : value.dict->entries) out.push_back(key);
      return out;
    case Kind::string: {
      const std::string_view text = value.view();
      step(value.str->length);
      for (std::size_t pos = 0; pos < text.size();) {
        const std::size_t end = pos + byte_offset(text.substr(pos, 4), 1);
        out.push_back(string(value.text().slice(pos, end)));
        pos = end;
      }
      return out;
    }
    case Kind::range: {
      const Range& r = *value.range;
      step(static_cast<std::uint64_t>(r.size()) / 8);
      for (std::int64_t i = 0; i < r.size(); ++i) out.emplace_back(r.start + i * r.step);
      return out;
    }
    case Kind::loop:
      if (value.loop->items != nullptr) {
        out.assign(value.loop->items->begin() + static_cast<std::ptrdiff_t>(value.loop->index) + 1,
                   value.loop->items->end());
      }
      return out;
    default: fail(fmt::format("'{}' object is not iterable", type_name(value)));
  }
}

}  // namespace zenith::models::jinja
