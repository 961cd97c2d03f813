#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "template/builtins.hpp"
#include "template/operations.hpp"
#include "template/strings.hpp"
#include "zenith/core/utf8.hpp"

namespace zenith::models::jinja {
namespace {

using Method = Val (*)(Interpreter&, const Val& self, const Args&);
struct Row {
  std::string_view name;
  Method method;
};

Val list_of(Interpreter& in, std::vector<Text> texts, Flavor flavor = Flavor::list) {
  std::vector<Val> items;
  items.reserve(texts.size());
  for (Text& text : texts) items.push_back(in.string(std::move(text)));
  in.step(items.size());
  return in.list(std::move(items), flavor);
}

const Text* text_or_none(Interpreter& in, const Val* value, std::string_view what) {
  if (value == nullptr || value->is(Kind::none)) return nullptr;
  if (value->is(Kind::undefined)) in.fail_undefined(*value);
  if (!value->is_str()) in.fail(fmt::format("{} arg must be None or str, not {}", what, type_name(*value)));
  return &value->text();
}

template <Side kSide>
Val strip_method(Interpreter& in, const Val& self, const Args& args) {
  const Bound a(in, "strip", args, {"chars"});
  return in.string(strip(self.text(), kSide, text_or_none(in, a[0], "strip")));
}

template <bool kFromRight>
Val split_method(Interpreter& in, const Val& self, const Args& args) {
  const Bound a(in, "split", args, {"sep", "maxsplit"});
  const Text* separator = text_or_none(in, a[0], "split");
  if (separator != nullptr && separator->bytes.empty()) in.fail("empty separator");
  const std::int64_t limit = a.number(1, -1);
  return list_of(in, kFromRight ? rsplit(self.text(), separator, limit) : split(self.text(), separator, limit));
}

template <bool kAtEnd>
Val affix_method(Interpreter& in, const Val& self, const Args& args) {
  const std::string_view name = kAtEnd ? "endswith" : "startswith";
  const Bound a(in, name, args, {"prefix", "start", "end"});
  const auto size = static_cast<std::int64_t>(self.str->length);
  const Picked part =
      pick(in, size, a[1] != nullptr ? *a[1] : Val::none(), a[2] != nullptr ? *a[2] : Val::none(), Val::none());
  std::string_view text = self.view();
  if (part.start != 0 || part.count != size) {
    text = text.substr(byte_offset(text, static_cast<std::size_t>(part.start)));
    text = text.substr(0, byte_offset(text, static_cast<std::size_t>(part.count)));
  }
  const auto matches = [&](const Val& affix) {
    if (affix.is(Kind::undefined)) in.fail_undefined(affix);
    if (!affix.is_str())
      in.fail(fmt::format("{} first arg must be str or a tuple of str, not {}", name, type_name(affix)));
    return kAtEnd ? text.ends_with(affix.view()) : text.starts_with(affix.view());
  };
  const Val& affix = a.need(0);
  if (affix.is(Kind::list) && affix.list->flavor == Flavor::tuple) {
    return Val{std::any_of(affix.list->items.begin(), affix.list->items.end(), matches)};
  }
  return Val{matches(affix)};
}

enum class Search { find, rfind, index, rindex, count };
template <Search kHow>
Val search_method(Interpreter& in, const Val& self, const Args& args) {
  const Bound a(in, "find", args, {"sub", "start", "end"});
  const Val sub = a.text(0);
  const auto size = static_cast<std::int64_t>(self.str->length);
  const Picked part =
      pick(in, size, a[1] != nullptr ? *a[1] : Val::none(), a[2] != nullptr ? *a[2] : Val::none(), Val::none());
  std::string_view text = self.view();
  in.step(text.size() / 64);
  const std::size_t begin = byte_offset(text, static_cast<std::size_t>(part.start));
  text = text.substr(begin);
  text = text.substr(0, byte_offset(text, static_cast<std::size_t>(part.count)));
  if (kHow == Search::count) {
    if (sub.view().empty()) return Val{part.count + 1};
    std::int64_t count = 0;
    for (std::size_t at = text.find(sub.view()); at != std::string_view::npos;
         at = text.find(sub.view(), at + sub.view().size()))
      ++count;
    return Val{count};
  }
  const std::size_t at = kHow == Search::find || kHow == Search::index ? text.find(sub.view()) : text.rfind(sub.view());
  if (at == std::string_view::npos) {
    if (kHow == Search::index || kHow == Search::rindex) in.fail("substring not found");
    return Val{std::int64_t{-1}};
  }
  return Val{part.start + static_cast<std::int64_t>(count_codepoints(text.substr(0, at)))};
}

template <Text (*kChange)(const Text&)>
Val change_method(Interpreter& in, const Val& self, const Args& args) {
  const Bound a(in, "method", args, {});
  in.step(self.view().size() / 16);
  return in.string(kChange(self.text()));
}
Text upper(const Text& t) { return to_case(t, Case::upper); }
Text lower(const Text& t) { return to_case(t, Case::lower); }
Text swapcase(const Text& t) {
  Text out;
  for (std::size_t pos = 0; pos < t.bytes.size();) {
    const std::size_t begin = pos;
    const char32_t c = utf8_next(t.bytes, pos);
    std::string low, self;
    append_case(low, c, Case::lower);
    utf8_append(self, c);
    std::string other;
    append_case(other, c, low == self ? Case::upper : Case::lower);
    out.append(other, t.tainted_at(begin, pos));
  }
  return out;
}

// All characters pass, and there is one.
template <bool (*kTest)(char32_t)>
Val all_method(Interpreter& in, const Val& self, const Args& args) {
  const Bound a(in, "method", args, {});
  in.step(self.view().size() / 16);
  for (std::size_t pos = 0; pos < self.view().size();) {
    if (!kTest(utf8_next(self.view(), pos))) return Val{false};
  }
  return Val{!self.view().empty()};
}
bool alpha(char32_t c) { return is_alpha(c); }
bool digit(char32_t c) { return is_digit_char(c); }
bool numeric(char32_t c) { return is_numeric(c); }
bool alnum(char32_t c) { return is_alpha(c) || is_numeric(c); }
bool space(char32_t c) { return is_space(c); }

template <Case kCase>
Val is_case_method(Interpreter& in, const Val& self, const Args& args) {
  const Bound a(in, "method", args, {});
  bool any = false;
  for (std::size_t pos = 0; pos < self.view().size();) {
    const char32_t c = utf8_next(self.view(), pos);
    if (!is_cased(c)) continue;
    any = true;
    std::string same, changed;
    utf8_append(same, c);
    append_case(changed, c, kCase);
    if (same != changed) return Val{false};
  }
  return Val{any};
}

Val replace_method(Interpreter& in, const Val& self, const Args& args) {
  const Bound a(in, "replace", args, {"old", "new", "count"});
  const Val from = a.text(0), to = a.text(1);
  in.step(self.view().size() / 16);
  // Bounded before it is built: each character may be replaced.
  const std::size_t most = from.view().empty() ? self.str->length + 1 : self.view().size() / from.view().size();
  if (most * to.view().size() > (std::size_t{1} << 20)) {
    std::size_t hits = from.view().empty() ? most : 0;
    if (hits == 0) {
      for (std::size_t at = self.view().find(from.view()); at != std::string_view::npos;
           at = self.view().find(from.view(), at + from.view().size()))
        ++hits;
    }
    in.heap.check_string(hits * to.view().size());
    in.step(hits * to.view().size() / 64);
  }
  return in.string(replace(self.text(), from.text(), to.text(), a.number(2, -1)));
}

Val join_method(Interpreter& in, const Val& self, const Args& args) {
  const Bound a(in, "join", args, {"iterable"});
  Text out;
  std::size_t i = 0;
  for (const Val& item : in.iterate(a.need(0))) {
    if (!item.is_str()) in.fail(fmt::format("sequence item {}: expected str instance, {} found", i, type_name(item)));
    if (i++ > 0) out.append(self.text());
    out.append(item.text());
    in.heap.check_string(out.bytes.size());
    in.step(1 + item.view().size() / 64);
  }
  return in.string(std::move(out));
}

template <Side kSide>
Val pad_method(Interpreter& in, const Val& self, const Args& args) {
  const Bound a(in, "center", args, {"width", "fillchar"});
  const std::int64_t width = integer(in, a.need(0), "the width");
  const Val fill = a.text(1, " ");
  if (fill.str->length != 1) in.fail("The fill character must be exactly one character long");
  if (width > 0) in.heap.check_string(static_cast<std::size_t>(width) * fill.view().size());
  in.step(static_cast<std::uint64_t>(std::max<std::int64_t>(width, 0)) / 16);
  return in.string(padded(self.text(), width, fill.text(), kSide));
}

Val zfill_method(Interpreter& in, const Val& self, const Args& args) {
  const Bound a(in, "zfill", args, {"width"});
  const std::int64_t width = integer(in, a.need(0), "the width");
  if (width > 0) in.heap.check_string(static_cast<std::size_t>(width));
  const bool sign = self.view().starts_with('-') || self.view().starts_with('+');
  Text out = self.text().slice(0, sign ? 1 : 0);
  out.append(
      padded(self.text().slice(sign ? 1 : 0, self.view().size()), width - (sign ? 1 : 0), Text{"0"}, Side::right));
  return in.string(std::move(out));
}

template <bool kFromRight>
Val partition_method(Interpreter& in, const Val& self, const Args& args) {
  const Bound a(in, "partition", args, {"sep"});
  const Val separator = a.text(0);
  if (separator.view().empty()) in.fail("empty separator");
  const Text& text = self.text();
  const std::size_t at = kFromRight ? text.bytes.rfind(separator.view()) : text.bytes.find(separator.view());
  std::vector<Text> parts;
  if (at == std::string::npos) {
    parts = kFromRight ? std::vector<Text>{Text{}, Text{}, text} : std::vector<Text>{text, Text{}, Text{}};
  } else {
    const std::size_t end = at + separator.view().size();
    parts = {text.slice(0, at), text.slice(at, end), text.slice(end, text.bytes.size())};
  }
  return list_of(in, std::move(parts), Flavor::tuple);
}

template <bool kAtEnd>
Val remove_affix_method(Interpreter& in, const Val& self, const Args& args) {
  const Bound a(in, "removeprefix", args, {"prefix"});
  const Val affix = a.text(0);
  const std::size_t size = self.view().size(), cut = affix.view().size();
  if (kAtEnd) return self.view().ends_with(affix.view()) ? in.string(self.text().slice(0, size - cut)) : self;
  return self.view().starts_with(affix.view()) ? in.string(self.text().slice(cut, size)) : self;
}

Val splitlines_method(Interpreter& in, const Val& self, const Args& args) {
  const Bound a(in, "splitlines", args, {"keepends"});
  return list_of(in, split_lines(self.text(), a.flag(0, false)));
}

Val format_method(Interpreter& in, const Val& self, const Args& args) {
  return in.string(format_braces(in, self.text(), args));
}

constexpr Row kMethods[] = {
    {"capitalize", change_method<capitalize>},
    {"casefold", change_method<lower>},
    {"center", pad_method<Side::both>},
    {"count", search_method<Search::count>},
    {"endswith", affix_method<true>},
    {"find", search_method<Search::find>},
    {"format", format_method},
    {"index", search_method<Search::index>},
    {"isalnum", all_method<alnum>},
    {"isalpha", all_method<alpha>},
    {"isdecimal", all_method<digit>},
    {"isdigit", all_method<digit>},
    {"islower", is_case_method<Case::lower>},
    {"isnumeric", all_method<numeric>},
    {"isspace", all_method<space>},
    {"isupper", is_case_method<Case::upper>},
    {"join", join_method},
    {"ljust", pad_method<Side::left>},
    {"lower", change_method<lower>},
    {"lstrip", strip_method<Side::left>},
    {"partition", partition_method<false>},
    {"removeprefix", remove_affix_method<false>},
    {"removesuffix", remove_affix_method<true>},
    {"replace", replace_method},
    {"rfind", search_method<Search::rfind>},
    {"rindex", search_method<Search::rindex>},
    {"rjust", pad_method<Side::right>},
    {"rpartition", partition_method<true>},
    {"rsplit", split_method<true>},
    {"rstrip", strip_method<Side::right>},
    {"split", split_method<false>},
    {"splitlines", splitlines_method},
    {"startswith", affix_method<false>},
    {"strip", strip_method<Side::both>},
    {"swapcase", change_method<swapcase>},
    {"title", change_method<title>},
    {"upper", change_method<upper>},
    {"zfill", zfill_method},
};

const Row* find_row(std::string_view name) noexcept {
  const auto it = std::find_if(std::begin(kMethods), std::end(kMethods), [&](const Row& r) { return r.name == name; });
  return it == std::end(kMethods) ? nullptr : it;
}

}  // namespace

bool has_string_method(std::string_view name) noexcept { return find_row(name) != nullptr; }

Val call_string_method(Interpreter& in, const Val& self, std::string_view name, const Args& args) {
  return find_row(name)->method(in, self, args);
}

}  // namespace zenith::models::jinja
