// A template that will not end, or grows without end, is a clear error within a second.
#include <gtest/gtest.h>

#include <chrono>

#include "from_json.hpp"

namespace zenith::models {
namespace {

std::string repeated(std::string_view what, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += what;
  return out;
}

struct Hostile {
  const char* name;
  std::string source;
  const char* says;
};
class Limits : public testing::TestWithParam<Hostile> {};

TEST_P(Limits, end_in_an_error_quickly) {
  const auto start = std::chrono::steady_clock::now();
  std::string message;
  auto compiled = ChatTemplate::compile(GetParam().source);
  if (compiled) {
    TemplateInput input;
    input.messages = to_array(Json::parse(R"([{"role": "user", "content": "Hi"}])"));
    const auto rendered = compiled->render(input);
    ASSERT_FALSE(rendered.has_value());
    message = rendered.error().message;
  } else {
    message = compiled.error().message;
  }
  EXPECT_NE(message.find(GetParam().says), std::string::npos) << message;
  // One second on a quiet machine; sanitizers and shared cores get room.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

const char* const kDoubling =
    "{% set ns = namespace(s='ab') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}";

INSTANTIATE_TEST_SUITE_P(
    template_limits, Limits,
    testing::Values(
        Hostile{"nested_ranges", "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
                "steps without coming to an end"},
        Hostile{"printing_for_ever",
                "{% for a in range(100000) %}{% for b in range(100000) %}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx{% "
                "endfor %}{% endfor %}",
                "the chat template"},
        Hostile{"range_too_big", "{{ range(10**9)|list }}", "too big"},
        Hostile{"range_overflow", "{{ range(-9223372036854775807, 9223372036854775807) }}", "too big"},
        Hostile{"macro_recursion", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "nests deeper than 200 levels"},
        Hostile{"mutual_recursion",
                "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
                "nests deeper than 200 levels"},
        Hostile{"caller_recursion",
                "{% macro m() %}{{ caller() }}{% endmacro %}{% macro n() %}{% call m() %}{{ n() }}{% endcall %}{% "
                "endmacro %}{{ n() }}",
                "nests deeper"},
        Hostile{"doubling_string", kDoubling, "string of more than"},
        Hostile{"doubling_by_plus",
                "{% set ns = namespace(s='ab') %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
                "string of more than"},
        Hostile{"doubling_list",
                "{% set ns = namespace(l=[1]) %}{% for i in range(60) %}{% set ns.l = ns.l + ns.l %}{% endfor %}",
                "bytes of memory"},
        Hostile{"long_repeat", "{{ 'abc' * 10**15 }}", "string of more than"},
        Hostile{"long_list", "{{ [0] * 10**15 }}", "the chat template"},
        Hostile{"replace_bomb", "{% set a = 'a' * 100000 %}{{ a|replace('a', a) }}", "string of more than"},
        Hostile{"join_bomb", "{{ range(100000)|join('x' * 100000) }}", "string of more than"},
        Hostile{"indent_bomb", "{{ ('\\n' * 100000)|indent(100000) }}", "string of more than"},
        Hostile{"center_bomb", "{{ 'a'.center(10**12) }}", "string of more than"},
        Hostile{"format_bomb", "{{ '%1000000000d' % 1 }}", "not supported"},
        Hostile{"many_big_strings",
                "{% set ns = namespace(l=[]) %}{% for i in range(1000) %}{% set ns.l = ns.l + ['x' * 1000000 ~ i] %}{% "
                "endfor %}",
                "the chat template"},
        Hostile{"output_too_long", "{% set s = 'x' * 1000000 %}{% for i in range(1000) %}{{ s }}{% endfor %}",
                "more than 16777216 bytes"},
        Hostile{"power_tower", "{{ 10 ** 10 ** 10 }}", "64 bits"},
        Hostile{"deep_value",
                "{% set ns = namespace(l=[]) %}{% for i in range(100000) %}{% set ns.l = [ns.l] %}{% endfor %}{{ "
                "ns.l|tojson }}",
                "nests deeper"},
        Hostile{"deep_equality",
                "{% set ns = namespace(a=[], b=[]) %}{% for i in range(100000) %}{% set ns.a = [ns.a] %}{% set ns.b = "
                "[ns.b] %}{% endfor %}{{ ns.a == ns.b }}",
                "nests deeper"},
        Hostile{"parentheses", "{{ " + repeated("(", 10000) + "1" + repeated(")", 10000) + " }}",
                "nested deeper than 200"},
        Hostile{"brackets", "{{ " + repeated("[", 10000) + repeated("]", 10000) + " }}", "nested deeper than 200"},
        Hostile{"nots", "{{ " + repeated("not ", 100000) + "1 }}", "nested deeper than 200"},
        Hostile{"minuses", "{{ " + repeated("-", 100000) + "1 }}", "nested deeper than 200"},
        Hostile{"long_sum", "{{ 1" + repeated(" + 1", 100000) + " }}", "nested deeper than 200"},
        Hostile{"filters", "{{ 1" + repeated("|abs", 100000) + " }}", "nested deeper than 200"},
        Hostile{"attributes", "{{ a" + repeated(".b", 100000) + " }}", "nested deeper than 200"},
        Hostile{"blocks", repeated("{% if 1 %}", 10000) + repeated("{% endif %}", 10000), "nested deeper than 200"},
        Hostile{"targets", "{% set " + repeated("(", 10000) + "a" + repeated(")", 10000) + " = 1 %}",
                "nested deeper than 200"},
        Hostile{"huge_source", repeated("x", (1U << 20) + 1), "bytes, 1048576 are allowed"}),
    [](const auto& i) { return std::string{i.param.name}; });

TEST(template_limits, a_long_conversation_stays_within_them) {
  Value::Array messages;
  for (int i = 0; i < 300; ++i) {
    messages.push_back(
        Value{Value::Object{{"role", i % 2 == 0 ? "user" : "assistant"}, {"content", Value{std::string(1000, 'x')}}}});
  }
  TemplateInput input;
  input.messages = std::move(messages);
  const auto compiled = ChatTemplate::compile(
      "{% set ns = namespace(all='') %}{% for m in messages %}{% set ns.all = ns.all ~ m.role ~ m.content|trim %}{% "
      "endfor %}{{ ns.all }}");
  const auto rendered = compiled->render(input);
  ASSERT_TRUE(rendered.has_value()) << rendered.error().message;
  EXPECT_EQ(rendered->text.size(), 300U * 1000 + 150 * 4 + 150 * 9);
}

TEST(template_limits, messages_nested_too_deep_are_the_caller_s_fault) {
  Value deep{1};
  for (int i = 0; i < 300; ++i) deep = Value{Value::Array{deep}};
  TemplateInput input;
  input.messages = {Value{Value::Object{{"role", "user"}, {"content", deep}}}};
  const auto rendered = ChatTemplate::compile("x")->render(input);
  ASSERT_FALSE(rendered.has_value());
  EXPECT_EQ(rendered.error().code, Errc::invalid_argument);
}

TEST(template_limits, smaller_limits_are_kept) {
  const auto compiled = ChatTemplate::compile("{% for i in range(1000) %}{{ i }}{% endfor %}");
  EXPECT_TRUE(compiled->render({}).has_value());
  const auto steps = compiled->render({}, {.steps = 100});
  ASSERT_FALSE(steps.has_value());
  EXPECT_EQ(steps.error().code, Errc::bad_file);
  EXPECT_NE(steps.error().message.find("ran 100 steps"), std::string::npos);
  EXPECT_FALSE(compiled->render({}, {.output_bytes = 100}).has_value());
}

}  // namespace
}  // namespace zenith::models
