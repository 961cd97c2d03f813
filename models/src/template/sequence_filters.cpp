// Filters over lists, dicts and iterables.
#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "template/builtins.hpp"
#include "template/operations.hpp"
#include "template/strings.hpp"

namespace zenith::models::jinja {
namespace {

constexpr std::size_t kSortWork = 16;  // steps an element, for its comparisons

Val default_filter(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "default", args, {"default_value", "boolean"});
  if (v.is(Kind::undefined) || (a.flag(1, false) && !truth(v))) return a[0] != nullptr ? *a[0] : in.string(Text{});
  return v;
}

Val length_filter(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "length", args, {});
  const auto size = length(v);
  if (!size) in.fail(fmt::format("object of type '{}' has no len()", type_name(v)));
  return Val{*size};
}

Val first(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "first", args, {});
  if (v.is(Kind::list) && v.list->flavor == Flavor::generator) {
    return v.list->cursor < v.list->items.size() ? v.list->items[v.list->cursor++]
                                                 : in.undefined("No first item, sequence was empty.");
  }
  if (v.is_str() && !v.view().empty()) return in.item(v, Val{std::int64_t{0}});
  const auto items = in.iterate(v);
  return items.empty() ? in.undefined("No first item, sequence was empty.") : items.front();
}

Val last(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "last", args, {});
  if (v.is(Kind::list) && v.list->flavor == Flavor::generator) in.fail("'generator' object is not reversible");
  if (v.is_str() && !v.view().empty()) return in.item(v, Val{std::int64_t{-1}});
  const auto items = in.iterate(v);
  return items.empty() ? in.undefined("No last item, sequence was empty.") : items.back();
}

Val list_filter(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "list", args, {});
  return in.list(in.iterate(v));
}

Val reverse(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "reverse", args, {});
  auto items = in.iterate(v);
  std::reverse(items.begin(), items.end());
  if (!v.is_str()) return in.list(std::move(items), Flavor::generator);
  Text out;
  for (const Val& item : items) out.append(item.text());
  return in.string(std::move(out));
}

Val join(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "join", args, {"d", "attribute"});
  const Text separator = a[0] != nullptr ? str(in, *a[0]) : Text{};
  Text out;
  bool first_item = true;
  for (const Val& item : in.iterate(v)) {
    if (!first_item) out.append(separator);
    first_item = false;
    out.append(str(in, a[1] != nullptr && !a[1]->is(Kind::none) ? read_path(in, item, *a[1]) : item));
    in.heap.check_string(out.bytes.size());
    in.step(1 + (separator.bytes.size()) / 64);
  }
  return in.string(std::move(out));
}

// The value that items are compared by: strings without their case, unless it is asked for.
Val sort_key(Interpreter& in, const Val& item, const Val* attribute, bool case_sensitive) {
  Val key = attribute != nullptr && !attribute->is(Kind::none) ? read_path(in, item, *attribute) : item;
  if (key.is_str() && !case_sensitive) return in.string(to_case(key.text(), Case::lower));
  return key;
}

std::vector<Val> sorted(Interpreter& in, std::vector<Val> items, std::vector<Val> keys, bool reverse_order) {
  in.step(items.size() * kSortWork);
  std::vector<std::size_t> order(items.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t x, std::size_t y) {
    return reverse_order ? less(in, keys[y], keys[x]) : less(in, keys[x], keys[y]);
  });
  std::vector<Val> out;
  for (const std::size_t i : order) out.push_back(items[i]);
  return out;
}

Val sort(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "sort", args, {"reverse", "case_sensitive", "attribute"});
  auto items = in.iterate(v);
  std::vector<Val> keys;
  const bool many = a[2] != nullptr && a[2]->is_str() && a[2]->view().find(',') != std::string_view::npos;
  const Text comma{","};
  for (const Val& item : items) {
    if (!many) {
      keys.push_back(sort_key(in, item, a[2], a.flag(1, false)));
      continue;
    }
    std::vector<Val> parts;
    for (Text& part : split(a[2]->text(), &comma, -1)) {
      const Val path = in.string(std::move(part));
      parts.push_back(sort_key(in, item, &path, a.flag(1, false)));
    }
    keys.push_back(in.list(std::move(parts)));
  }
  return in.list(sorted(in, std::move(items), std::move(keys), a.flag(0, false)));
}

Val dictsort(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "dictsort", args, {"case_sensitive", "by", "reverse"});
  if (v.is(Kind::undefined)) in.fail_undefined(v);
  if (!v.is(Kind::dict)) in.fail(fmt::format("'{} object' has no attribute 'items'", type_name(v)));
  const Val by = a.text(1, "key");
  if (by.view() != "key" && by.view() != "value") in.fail("You can only sort by either 'key' or 'value'");
  auto items = in.iterate(call_method(in, v, "items", {}));
  std::vector<Val> keys;
  for (const Val& item : items)
    keys.push_back(sort_key(in, item.list->items[by.view() == "key" ? 0 : 1], nullptr, a.flag(0, false)));
  return in.list(sorted(in, std::move(items), std::move(keys), a.flag(2, false)));
}

Val unique(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "unique", args, {"case_sensitive", "attribute"});
  std::vector<Val> kept;
  Dict* seen = in.heap.dict();
  for (Val& item : in.iterate(v)) {
    const Val key = sort_key(in, item, a[1], a.flag(0, false));
    if (!hashable(key)) in.fail(fmt::format("unhashable type: '{}'", type_name(key)));
    if (find(in, *seen, key) != nullptr) continue;
    insert(in, *seen, key, Val::none());
    kept.push_back(std::move(item));
  }
  return in.list(std::move(kept), Flavor::generator);
}

template <bool kMax>
Val extreme(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, kMax ? "max" : "min", args, {"case_sensitive", "attribute"});
  std::optional<Val> best, best_key;
  for (Val& item : in.iterate(v)) {
    Val key = sort_key(in, item, a[1], a.flag(0, false));
    if (!best_key || (kMax ? less(in, *best_key, key) : less(in, key, *best_key))) {
      best = std::move(item);
      best_key = std::move(key);
    }
  }
  return best ? *best : in.undefined("No aggregated item, sequence was empty.");
}

Val sum(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "sum", args, {"attribute", "start"});
  Val total = a[1] != nullptr ? *a[1] : Val{std::int64_t{0}};
  if (total.is_str()) in.fail("sum() can't sum strings");
  for (const Val& item : in.iterate(v)) {
    total = binary(in, Op::add, total, a[0] != nullptr && !a[0]->is(Kind::none) ? read_path(in, item, *a[0]) : item);
  }
  return total;
}

Args tail(const Args& args, std::size_t from) {
  Args out;
  out.positional.assign(args.positional.begin() + static_cast<std::ptrdiff_t>(from), args.positional.end());
  out.named = args.named;
  return out;
}

Val map(Interpreter& in, const Val& v, const Args& args) {
  std::vector<Val> out;
  if (!truth(v)) return in.list({}, Flavor::generator);  // none too, as in jinja2
  if (args.positional.empty()) {
    const Bound a(in, "map", args, {"attribute", "default"});
    for (const Val& item : in.iterate(v)) {
      in.step();
      const Val* fallback = a[1] != nullptr && !a[1]->is(Kind::none) ? a[1] : nullptr;
      out.push_back(read_path(in, item, a.need(0), fallback));
    }
    return in.list(std::move(out), Flavor::generator);
  }
  const Val& name = args.positional[0];
  const Filter filter = name.is_str() ? find_filter(name.view()) : nullptr;
  if (filter == nullptr) in.fail(fmt::format("there is no filter named {}", repr(in, name).bytes));
  const Args rest = tail(args, 1);
  for (const Val& item : in.iterate(v)) {
    in.step();
    const Interpreter::Deeper deeper(in);
    out.push_back(filter(in, item, rest));
  }
  return in.list(std::move(out), Flavor::generator);
}

// select, reject: (test, arguments of the test); selectattr, rejectattr: (attribute, test, arguments of the test).
template <bool kKeep, bool kAttribute>
Val select(Interpreter& in, const Val& v, const Args& args) {
  constexpr std::size_t kTest = kAttribute ? 1 : 0;
  if (!truth(v)) return in.list({}, Flavor::generator);  // none too, as in jinja2
  if (args.positional.size() < kTest) in.fail("the name of the attribute is missing");
  Test test = nullptr;
  Args rest;
  if (args.positional.size() > kTest) {
    const Val& name = args.positional[kTest];
    test = name.is_str() ? find_test(name.view()) : nullptr;
    if (test == nullptr) in.fail(fmt::format("there is no test named {}", repr(in, name).bytes));
    rest = tail(args, kTest + 1);
  }
  std::vector<Val> out;
  for (Val& item : in.iterate(v)) {
    in.step();
    const Val value = kAttribute ? read_path(in, item, args.positional[0]) : item;
    if ((test != nullptr ? test(in, value, rest) : truth(value)) == kKeep) out.push_back(std::move(item));
  }
  return in.list(std::move(out), Flavor::generator);
}

Val items_filter(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "items", args, {});
  if (v.is(Kind::undefined)) return in.list({}, Flavor::generator);
  if (!v.is(Kind::dict)) in.fail("Can only get item pairs from a mapping.");
  return in.list(in.iterate(call_method(in, v, "items", {})), Flavor::generator);
}

Val attr(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "attr", args, {"name"});
  const Val name = a.text(0);
  if (v.is(Kind::dict) && !has_method(v, name.view())) {
    return in.undefined(fmt::format("'dict object' has no attribute '{}'", name.view()));
  }
  return in.attribute(v, name);
}

Val batch(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "batch", args, {"linecount", "fill_with"});
  const std::int64_t size = integer(in, a.need(0), "the size of a batch");
  if (size < 1 || size > 100'000) in.fail("the size of a batch must be 1 to 100000");
  std::vector<Val> out, row;
  for (Val& item : in.iterate(v)) {
    if (static_cast<std::int64_t>(row.size()) == size) out.push_back(in.list(std::exchange(row, {})));
    row.push_back(std::move(item));
  }
  if (!row.empty()) {
    if (a[1] != nullptr && !a[1]->is(Kind::none)) {
      in.step(static_cast<std::uint64_t>(size));
      row.resize(static_cast<std::size_t>(size), *a[1]);
    }
    out.push_back(in.list(std::move(row)));
  }
  return in.list(std::move(out), Flavor::generator);
}

Val slice(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "slice", args, {"slices", "fill_with"});
  const std::int64_t count = integer(in, a.need(0), "the number of slices");
  if (count < 1 || count > 100'000) in.fail("the number of slices must be 1 to 100000");
  const auto items = in.iterate(v);
  const auto slices = static_cast<std::size_t>(count);
  const std::size_t each = items.size() / slices, longer = items.size() % slices;
  std::vector<Val> out;
  std::size_t at = 0;
  for (std::size_t i = 0; i < slices; ++i) {
    const std::size_t size = each + (i < longer ? 1 : 0);
    std::vector<Val> row(items.begin() + static_cast<std::ptrdiff_t>(at),
                         items.begin() + static_cast<std::ptrdiff_t>(at + size));
    at += size;
    if (a[1] != nullptr && !a[1]->is(Kind::none) && i >= longer) row.push_back(*a[1]);
    out.push_back(in.list(std::move(row)));
    in.step();
  }
  return in.list(std::move(out), Flavor::generator);
}

constexpr FilterRow kFilters[] = {
    {"attr", attr},
    {"batch", batch},
    {"count", length_filter},
    {"d", default_filter},
    {"default", default_filter},
    {"dictsort", dictsort},
    {"first", first},
    {"items", items_filter},
    {"join", join},
    {"last", last},
    {"length", length_filter},
    {"list", list_filter},
    {"map", map},
    {"max", extreme<true>},
    {"min", extreme<false>},
    {"reject", select<false, false>},
    {"rejectattr", select<false, true>},
    {"reverse", reverse},
    {"select", select<true, false>},
    {"selectattr", select<true, true>},
    {"slice", slice},
    {"sort", sort},
    {"sum", sum},
    {"unique", unique},
};

}  // namespace

std::optional<Filter> find_sequence_filter(std::string_view name) noexcept {
  const auto it =
      std::find_if(std::begin(kFilters), std::end(kFilters), [&](const FilterRow& r) { return r.name == name; });
  return it == std::end(kFilters) ? std::nullopt : std::optional{it->filter};
}

}  // namespace zenith::models::jinja
