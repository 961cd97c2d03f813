// What can stand behind `is`.
#include <algorithm>
#include <cmath>
#include <iterator>

#include <fmt/format.h>

#include "template/builtins.hpp"
#include "template/operations.hpp"

namespace zenith::models::jinja {
namespace {

template <Kind kKind>
bool is_kind(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "test", args, {});
  return v.is(kKind);
}
bool is_defined(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "defined", args, {});
  return !v.is(Kind::undefined);
}
bool is_true(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "true", args, {});
  return v.is(Kind::boolean) && v.boolean;
}
bool is_false(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "false", args, {});
  return v.is(Kind::boolean) && !v.boolean;
}
bool is_number(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "number", args, {});
  return v.is_number();
}
bool is_sequence(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "sequence", args, {});
  if (v.is(Kind::list)) return v.list->flavor == Flavor::list || v.list->flavor == Flavor::tuple;
  return v.is_str() || v.is(Kind::dict) || v.is(Kind::range) || v.is(Kind::undefined);
}
bool is_iterable(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "iterable", args, {});
  return v.is_str() || v.is(Kind::list) || v.is(Kind::dict) || v.is(Kind::range) || v.is(Kind::undefined) ||
         v.is(Kind::loop);
}
bool is_callable(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "callable", args, {});
  return (v.is(Kind::callable) && v.callable->type != Callable::Type::cycler) || v.is(Kind::undefined) ||
         v.is(Kind::loop);
}
bool is_escaped(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "escaped", args, {});
  return v.is_str() && v.text().markup;
}
bool divides(Interpreter& in, const Val& v, const Val& by) {
  const Val rest = binary(in, Op::modulo, v, by);
  return rest.is_number() && rest.as_double() == 0;
}
bool is_even(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "even", args, {});
  return divides(in, v, Val{std::int64_t{2}});
}
bool is_odd(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "odd", args, {});
  const Val rest = binary(in, Op::modulo, v, Val{std::int64_t{2}});
  return rest.is_number() && rest.as_double() == 1;
}
bool is_divisible(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "divisibleby", args, {"num"});
  return divides(in, v, a.need(0));
}
template <bool kUpper>
bool is_case(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "lower", args, {});
  return truth(call_string_method(in, to_string(in, v), kUpper ? "isupper" : "islower", {}));
}
bool is_equal(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "eq", args, {"other"});
  return equals(in, v, a.need(0));
}
bool is_not_equal(Interpreter& in, const Val& v, const Args& args) { return !is_equal(in, v, args); }
bool is_same(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "sameas", args, {"other"});
  const Val& other = a.need(0);
  if (v.kind != other.kind) return false;
  if (v.is(Kind::list)) return v.list == other.list;
  if (v.is(Kind::dict)) return v.dict == other.dict;
  return equals(in, v, other);
}
bool is_in(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "in", args, {"seq"});
  return contains(in, a.need(0), v);
}
bool is_filter(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "filter", args, {});
  return v.is_str() && find_filter(v.view()) != nullptr;
}
bool is_test(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "test", args, {});
  return v.is_str() && find_test(v.view()) != nullptr;
}

struct Sign {
  static constexpr std::string_view lt = "<", le = "<=", gt = ">", ge = ">=";
};
template <const std::string_view& kSign>
bool is_ordered(Interpreter& in, const Val& v, const Args& args) {
  const Bound a(in, "comparison", args, {"other"});
  return less(in, v, a.need(0), kSign);
}

struct Row {
  std::string_view name;
  Test test;
};
constexpr Row kTests[] = {
    {"defined", is_defined},
    {"undefined", is_kind<Kind::undefined>},
    {"none", is_kind<Kind::none>},
    {"boolean", is_kind<Kind::boolean>},
    {"integer", is_kind<Kind::integer>},
    {"float", is_kind<Kind::floating>},
    {"string", is_kind<Kind::string>},
    {"mapping", is_kind<Kind::dict>},
    {"true", is_true},
    {"false", is_false},
    {"number", is_number},
    {"sequence", is_sequence},
    {"iterable", is_iterable},
    {"callable", is_callable},
    {"escaped", is_escaped},
    {"even", is_even},
    {"odd", is_odd},
    {"divisibleby", is_divisible},
    {"lower", is_case<false>},
    {"upper", is_case<true>},
    {"eq", is_equal},
    {"equalto", is_equal},
    {"==", is_equal},
    {"ne", is_not_equal},
    {"!=", is_not_equal},
    {"lt", is_ordered<Sign::lt>},
    {"lessthan", is_ordered<Sign::lt>},
    {"<", is_ordered<Sign::lt>},
    {"le", is_ordered<Sign::le>},
    {"<=", is_ordered<Sign::le>},
    {"gt", is_ordered<Sign::gt>},
    {"greaterthan", is_ordered<Sign::gt>},
    {">", is_ordered<Sign::gt>},
    {"ge", is_ordered<Sign::ge>},
    {">=", is_ordered<Sign::ge>},
    {"sameas", is_same},
    {"in", is_in},
    {"filter", is_filter},
    {"test", is_test},
};

}  // namespace

Test find_test(std::string_view name) noexcept {
  const auto it = std::find_if(std::begin(kTests), std::end(kTests), [&](const Row& r) { return r.name == name; });
  return it == std::end(kTests) ? nullptr : it->test;
}

}  // namespace zenith::models::jinja
