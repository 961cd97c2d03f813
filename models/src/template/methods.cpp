// Methods of dicts, lists, loops, cyclers; and how arguments are bound.
#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "template/builtins.hpp"
#include "template/operations.hpp"

namespace zenith::models::jinja {
namespace {

constexpr std::string_view kDictMethods[] = {"get", "items", "keys", "values", "copy"};
constexpr std::string_view kListMethods[] = {"append", "pop", "extend", "insert", "index", "count", "copy"};
constexpr std::string_view kTupleMethods[] = {"index", "count"};
constexpr std::string_view kLoopMethods[] = {"cycle", "changed"};
constexpr std::string_view kCyclerMethods[] = {"next", "reset"};

bool among(std::string_view name, auto&& names) noexcept {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

Val dict_view(Interpreter& in, const Dict& dict, Flavor flavor) {
  List* made = in.heap.list(flavor);
  in.step(dict.entries.size() / 8);
  for (const auto& [key, value] : dict.entries) {
    if (flavor == Flavor::items) {
      List* pair = in.heap.list(Flavor::tuple);
      in.heap.push(*pair, key);
      in.heap.push(*pair, value);
      in.heap.push(*made, Val{pair});
    } else {
      in.heap.push(*made, flavor == Flavor::keys ? key : value);
    }
  }
  return Val{made};
}

Val call_dict_method(Interpreter& in, Dict& dict, std::string_view name, const Args& args) {
  if (name == "get") {
    const Bound a(in, name, args, {"key", "default"});
    if (!hashable(a.need(0))) in.fail(fmt::format("unhashable type: '{}'", type_name(a.need(0))));
    const Val* found = find(in, dict, a.need(0));
    return found != nullptr ? *found : a[1] != nullptr ? *a[1] : Val::none();
  }
  const Bound a(in, name, args, {});
  if (name == "items") return dict_view(in, dict, Flavor::items);
  if (name == "keys") return dict_view(in, dict, Flavor::keys);
  if (name == "values") return dict_view(in, dict, Flavor::values);
  Dict* copy = in.heap.dict();
  for (const auto& [key, value] : dict.entries) insert(in, *copy, key, value);
  return Val{copy};
}

std::size_t position(Interpreter& in, const List& list, const Val& index, bool clamp) {
  const auto size = static_cast<std::int64_t>(list.items.size());
  std::int64_t at = integer(in, index, "a list index");
  if (at < 0) at += size;
  if (clamp) at = std::clamp<std::int64_t>(at, 0, size);
  if (at < 0 || (!clamp && at >= size)) in.fail("list index out of range");
  return static_cast<std::size_t>(at);
}

Val call_list_method(Interpreter& in, List& list, std::string_view name, const Args& args) {
  if (name == "append") {
    const Bound a(in, name, args, {"object"});
    in.heap.push(list, a.need(0));
    return Val::none();
  }
  if (name == "extend") {
    const Bound a(in, name, args, {"iterable"});
    for (Val& item : in.iterate(a.need(0))) in.heap.push(list, std::move(item));
    return Val::none();
  }
  if (name == "insert") {
    const Bound a(in, name, args, {"index", "object"});
    const std::size_t at = position(in, list, a.need(0), true);
    in.step(list.items.size() / 16);
    in.heap.push(list, a.need(1));
    std::rotate(list.items.begin() + static_cast<std::ptrdiff_t>(at), list.items.end() - 1, list.items.end());
    return Val::none();
  }
  if (name == "pop") {
    const Bound a(in, name, args, {"index"});
    if (list.items.empty()) in.fail("pop from empty list");
    const std::size_t at = a[0] != nullptr ? position(in, list, *a[0], false) : list.items.size() - 1;
    Val out = list.items[at];
    list.items.erase(list.items.begin() + static_cast<std::ptrdiff_t>(at));
    in.step(list.items.size() / 16);
    return out;
  }
  if (name == "index") {
    const Bound a(in, name, args, {"value"});
    for (std::size_t i = 0; i < list.items.size(); ++i) {
      if (equals(in, list.items[i], a.need(0))) return Val{static_cast<std::int64_t>(i)};
    }
    in.fail("the value is not in the list");
  }
  if (name == "count") {
    const Bound a(in, name, args, {"value"});
    std::int64_t count = 0;
    for (const Val& item : list.items) count += equals(in, item, a.need(0)) ? 1 : 0;
    return Val{count};
  }
  const Bound a(in, name, args, {});
  return in.list(list.items);
}

Val call_loop_method(Interpreter& in, Loop& loop, std::string_view name, const Args& args) {
  if (name == "cycle") {
    if (args.positional.empty()) in.fail("no items for cycling given");
    return args.positional[loop.index % args.positional.size()];
  }
  const Val now = in.list(args.positional, Flavor::tuple);
  const bool changed = !loop.last_changed || !equals(in, *loop.last_changed, now);
  loop.last_changed = now;
  return Val{changed};
}

}  // namespace

bool has_method(const Val& self, std::string_view name) noexcept {
  switch (self.kind) {
    case Kind::string: return has_string_method(name);
    case Kind::dict: return among(name, kDictMethods);
    case Kind::list:
      if (self.list->flavor == Flavor::list) return among(name, kListMethods);
      return self.list->flavor == Flavor::tuple && among(name, kTupleMethods);
    case Kind::loop: return among(name, kLoopMethods);
    case Kind::callable: return self.callable->type == Callable::Type::cycler && among(name, kCyclerMethods);
    default: return false;
  }
}

Val call_method(Interpreter& in, const Val& self, std::string_view name, const Args& args) {
  in.step();
  switch (self.kind) {
    case Kind::string: return call_string_method(in, self, name, args);
    case Kind::dict: return call_dict_method(in, *self.dict, name, args);
    case Kind::list: return call_list_method(in, *self.list, name, args);
    case Kind::loop: return call_loop_method(in, *self.loop, name, args);
    default: break;
  }
  Callable& cycler = *self.callable;
  const std::size_t at = cycler.cursor;
  cycler.cursor = name == "next" ? (at + 1) % cycler.items.size() : 0;
  return name == "next" ? cycler.items[at] : Val::none();
}

Bound::Bound(Interpreter& in, std::string_view function, const Args& args,
             std::initializer_list<std::string_view> names)
    : in_(in), function_(function) {
  std::copy(names.begin(), names.end(), names_.begin());
  if (args.positional.size() > names.size()) {
    in.fail(fmt::format("{}() takes not more than {} argument(s), {} are given", function, names.size(),
                        args.positional.size()));
  }
  for (std::size_t i = 0; i < args.positional.size(); ++i) values_[i] = &args.positional[i];
  for (const auto& [name, value] : args.named) {
    const auto it = std::find(names.begin(), names.end(), name);
    if (it == names.end()) in.fail(fmt::format("{}() has no argument '{}'", function, name));
    const Val*& slot = values_[static_cast<std::size_t>(it - names.begin())];
    if (slot != nullptr) in.fail(fmt::format("{}() got two values for '{}'", function, name));
    slot = &value;
  }
}

const Val& Bound::need(std::size_t i) const {
  if (values_[i] == nullptr) in_.fail(fmt::format("{}() lacks the argument '{}'", function_, names_[i]));
  return *values_[i];
}

bool Bound::flag(std::size_t i, bool fallback) const { return values_[i] != nullptr ? truth(*values_[i]) : fallback; }

std::int64_t Bound::number(std::size_t i, std::int64_t fallback) const {
  if (values_[i] == nullptr) return fallback;
  return integer(in_, *values_[i], fmt::format("the argument '{}' of {}()", names_[i], function_));
}

Val Bound::text(std::size_t i) const {
  const Val& value = need(i);
  if (value.is(Kind::undefined)) in_.fail_undefined(value);
  if (!value.is_str())
    in_.fail(fmt::format("the argument '{}' of {}() must be a string, not {}", names_[i], function_, type_name(value)));
  return value;
}

Val Bound::text(std::size_t i, std::string_view fallback) const {
  return values_[i] != nullptr ? text(i) : in_.string(Text{fallback});
}

Val read_path(Interpreter& in, const Val& item, const Val& path, const Val* fallback) {
  const auto read = [&](const Val& from, const Val& key) {
    Val found = in.item(from, key);
    return fallback != nullptr && found.is(Kind::undefined) ? *fallback : found;
  };
  if (!path.is_str()) return read(item, path);
  Val value = item;
  for (std::string_view rest = path.view();;) {
    const std::size_t dot = rest.find('.');
    const std::string_view part = rest.substr(0, dot);
    const bool number =
        !part.empty() && part.size() < 10 && part.find_first_not_of("0123456789") == std::string_view::npos;
    value = read(value, number ? Val{static_cast<std::int64_t>(std::stol(std::string{part}))} : in.string(Text{part}));
    if (dot == std::string_view::npos) return value;
    rest = rest.substr(dot + 1);
  }
}

}  // namespace zenith::models::jinja
