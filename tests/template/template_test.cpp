// The contract beside the rendered text: errors, where they are, what a template may see.
#include <gtest/gtest.h>

#include <thread>

#include "from_json.hpp"

namespace zenith::models {
namespace {

TemplateInput hello() {
  TemplateInput input;
  input.messages = to_array(Json::parse(R"([{"role": "user", "content": "Hi"}])"));
  return input;
}

struct BadSource {
  const char* name;
  const char* source;
  const char* says;
};
class CompileErrors : public testing::TestWithParam<BadSource> {};

TEST_P(CompileErrors, name_the_fault_and_its_place) {
  const auto compiled = ChatTemplate::compile(GetParam().source);
  ASSERT_FALSE(compiled.has_value());
  EXPECT_EQ(compiled.error().code, Errc::bad_file);
  EXPECT_EQ(compiled.error().param, "chat_template");
  EXPECT_NE(compiled.error().message.find(GetParam().says), std::string::npos) << compiled.error().message;
}

INSTANTIATE_TEST_SUITE_P(
    template_compile, CompileErrors,
    testing::Values(BadSource{"open_expression", "a\nb {{ 1", "no end }} (chat template, line 2, column 3)"},
                    BadSource{"open_block", "{% if x", "no end %}"},
                    BadSource{"open_string", "{{ 'a }}", "the string has no end (chat template, line 1, column 4)"},
                    BadSource{"open_comment", "\n\n{# a", "line 3, column 1"},
                    BadSource{"open_if", "{% if x %}", "endif %} is expected"},
                    BadSource{"unknown_tag", "x\n {% nope %}",
                              "unknown tag 'nope', or one in the wrong place (chat template, line 2"},
                    BadSource{"include", "{% include 'a' %}", "'include' is not supported"},
                    BadSource{"recursive", "{% for a in b recursive %}{% endfor %}", "recursive"},
                    BadSource{"unknown_filter", "{{ a|shout }}", "no filter named 'shout'"},
                    BadSource{"unknown_test", "{{ a is loud }}", "no test named 'loud'"},
                    BadSource{"huge_number", "{{ 99999999999999999999 }}", "64 bits"},
                    BadSource{"bad_escape", "{{ '\\ud800' }}", "no character"},
                    BadSource{"bad_utf8", "a\xff", "not valid UTF-8"},
                    BadSource{"break_outside", "{% break %}", "for loop"}),
    [](const auto& i) { return std::string{i.param.name}; });

TEST(template_render, a_refusal_is_the_caller_s_fault_and_has_the_template_s_words) {
  const auto compiled = ChatTemplate::compile("\n{{ raise_exception('No ' ~ messages[0].role) }}");
  const auto rendered = compiled->render(hello());
  ASSERT_FALSE(rendered.has_value());
  EXPECT_EQ(rendered.error().code, Errc::invalid_argument);
  EXPECT_EQ(rendered.error().param, "messages");
  EXPECT_EQ(rendered.error().message, "No user (chat template, line 2)");
}

TEST(template_render, what_is_not_there_is_named) {
  const auto rendered = ChatTemplate::compile("a\nb\n{{ messages[0].nope.more }}")->render(hello());
  ASSERT_FALSE(rendered.has_value());
  EXPECT_EQ(rendered.error().message, "'dict object' has no attribute 'nope' (chat template, line 3)");
}

TEST(template_render, no_tools_are_none) {
  const auto compiled = ChatTemplate::compile("{{ tools is none }} {{ tools is defined }}");
  EXPECT_EQ(compiled->render(hello())->text, "True True");
  TemplateInput input = hello();
  input.tools = to_array(Json::parse(R"([{"type": "function"}])"));
  EXPECT_EQ(compiled->render(input)->text, "False True");
}

TEST(template_render, keyword_arguments_are_seen_and_do_not_replace_the_messages) {
  TemplateInput input = hello();
  input.extra = to_object(Json::parse(R"({"enable_thinking": false, "messages": []})"));
  EXPECT_EQ(ChatTemplate::compile("{{ enable_thinking }} {{ messages|length }}")->render(input)->text, "False 1");
}

TEST(template_render, lists_can_grow_though_jinja2_s_sandbox_forbids_it) {
  EXPECT_EQ(
      ChatTemplate::compile("{% set l = [1] %}{% set _ = l.append(2) %}{{ l.pop(0) }}{{ l }}")->render(hello())->text,
      "1[2]");
}

TEST(template_render, cycles_end_in_an_error) {
  for (const char* source :
       {"{% set l = [] %}{% set _ = l.append(l) %}{{ l }}", "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}",
        "{% set l = [] %}{% set _ = l.append(l) %}{{ l|tojson }}"}) {
    const auto rendered = ChatTemplate::compile(source)->render(hello());
    ASSERT_FALSE(rendered.has_value()) << source;
    EXPECT_NE(rendered.error().message.find("nests deeper"), std::string::npos) << rendered.error().message;
  }
}

TEST(template_render, broken_utf8_in_a_message_becomes_replacement_characters) {
  TemplateInput input;
  input.messages = {Value{Value::Object{{"role", "user"}, {"content", Value{std::string{"a\xff"}}}}}};
  EXPECT_EQ(ChatTemplate::compile("{{ messages[0].content }}")->render(input)->text, "a\xEF\xBF\xBD");
}

TEST(template_render, one_template_serves_several_threads) {
  const auto compiled =
      ChatTemplate::compile("{% for i in range(200) %}{{ messages[0].content ~ 'x'|upper }}{% endfor %}");
  const std::string expected = compiled->render(hello())->text;
  std::vector<std::thread> threads;
  std::vector<std::string> texts(4);
  for (auto& text : texts) threads.emplace_back([&] { text = compiled->render(hello())->text; });
  for (auto& thread : threads) thread.join();
  for (const auto& text : texts) EXPECT_EQ(text, expected);
}

}  // namespace
}  // namespace zenith::models
