// The global functions.
#include <algorithm>
#include <iterator>
#include <limits>

#include <fmt/format.h>

#include "template/builtins.hpp"
#include "template/operations.hpp"

namespace zenith::models::jinja {
namespace {

constexpr std::int64_t kMaxRange = 100'000;  // as jinja2's sandbox has it

Val range(Interpreter& in, const Args& args) {
  const Bound a(in, "range", args, {"start", "stop", "step"});
  const std::int64_t first = integer(in, a.need(0), "an argument of range()");
  const std::int64_t start = a[1] != nullptr ? first : 0;
  const std::int64_t stop = a[1] != nullptr ? a.number(1, 0) : first;
  const std::int64_t step = a.number(2, 1);
  if (step == 0) in.fail("range() arg 3 must not be zero");
  constexpr std::int64_t far = std::numeric_limits<std::int64_t>::max() / 4;
  for (const std::int64_t v : {start, stop, step}) {
    if (v > far || v < -far) in.fail(fmt::format("the range is too big: {} is the most", kMaxRange));
  }
  if (Range{start, stop, step}.size() > kMaxRange)
    in.fail(fmt::format("the range is too big: {} is the most", kMaxRange));
  return Val{in.heap.range(start, stop, step)};
}

// Pairs of a dict or of an iterable of pairs, then the keywords.
Val dict(Interpreter& in, const Args& args) {
  Dict* made = in.heap.dict();
  if (args.positional.size() > 1) in.fail("dict() takes not more than 1 positional argument");
  if (!args.positional.empty()) {
    const Val& source = args.positional[0];
    if (source.is(Kind::dict)) {
      for (const auto& [key, value] : source.dict->entries) insert(in, *made, key, value);
    } else {
      for (const Val& pair : in.iterate(source)) {
        const auto parts = in.iterate(pair);
        if (parts.size() != 2) in.fail("dict() needs pairs");
        insert(in, *made, parts[0], parts[1]);
      }
    }
  }
  for (const auto& [name, value] : args.named) insert(in, *made, in.string(Text{name, true}), value);
  return Val{made};
}

Val namespace_(Interpreter& in, const Args& args) {
  const Val attributes = dict(in, args);
  Namespace* made = in.heap.ns();
  for (const auto& [key, value] : attributes.dict->entries) {
    if (!key.is_str()) in.fail("the attributes of a namespace have names");
    if (key.view().starts_with('_')) in.fail(fmt::format("the attribute '{}' of a namespace is private", key.view()));
    in.heap.charge(sizeof(made->attributes[0]));
    made->attributes.emplace_back(std::string{key.view()}, value);
  }
  return Val{made};
}

Val raise_exception(Interpreter& in, const Args& args) {
  const Bound a(in, "raise_exception", args, {"message"});
  in.fail(str(in, a.need(0)).bytes);
}

Val strftime_now(Interpreter& in, const Args& args) {
  const Bound a(in, "strftime_now", args, {"format"});
  const Val format = a.text(0);
  in.heap.check_string(format.view().size() * 40);
  return in.string(Text{format_time(format.view(), in.now_unix_seconds), format.text().tainted()});
}

Val cycler(Interpreter& in, const Args& args) {
  if (args.positional.empty()) in.fail("at least one item has to be provided");
  Callable* made = in.heap.callable(Callable::Type::cycler);
  made->items = args.positional;
  return Val{made};
}

Val joiner(Interpreter& in, const Args& args) {
  const Bound a(in, "joiner", args, {"sep"});
  Callable* made = in.heap.callable(Callable::Type::joiner);
  made->items = {a.text(0, ", ")};
  return Val{made};
}

struct Row {
  std::string_view name;
  Val (*function)(Interpreter&, const Args&);
};
constexpr Row kFunctions[] = {
    {"range", range},
    {"dict", dict},
    {"namespace", namespace_},
    {"raise_exception", raise_exception},
    {"strftime_now", strftime_now},
    {"cycler", cycler},
    {"joiner", joiner},
};

const Row* find_row(std::string_view name) noexcept {
  const auto it =
      std::find_if(std::begin(kFunctions), std::end(kFunctions), [&](const Row& r) { return r.name == name; });
  return it == std::end(kFunctions) ? nullptr : it;
}

}  // namespace

bool is_function(std::string_view name) noexcept { return find_row(name) != nullptr; }
Val call_function(Interpreter& in, const std::string& name, const Args& args) {
  return find_row(name)->function(in, args);
}

}  // namespace zenith::models::jinja
