// Byte for byte what python's jinja2 renders (tests/parity/template_golden.py wrote what it gave).
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <set>
#include <sstream>

#include "from_json.hpp"

namespace zenith::models {
namespace {

const std::string kData = ZENITH_TEST_DATA "/template/";

// "" when `got` is what the golden case says.
std::string difference(const Expected<Rendered>& got, const Json& golden) {
  if (golden.contains("text")) {
    if (!got) return "an error instead of text: " + got.error().message;
    return got->text == golden["text"].get<std::string>()
               ? ""
               : "other text:\n" + got->text + "\ninstead of\n" + golden["text"].get<std::string>();
  }
  if (got) return "no error but text: " + got->text;
  if (golden.contains("raised") && !got.error().message.starts_with(golden["raised"].get<std::string>())) {
    return "another message: " + got.error().message;
  }
  return "";
}

Expected<Rendered> render(const std::string& source, const TemplateInput& input) {
  auto compiled = ChatTemplate::compile(source);
  if (!compiled) return tl::make_unexpected(compiled.error());
  return compiled->render(input);
}

TEST(template_golden, every_construct_renders_as_jinja2_does) {
  const Json golden = load_json(kData + "constructs.json");
  TemplateInput input;
  input.extra = to_object(golden["context"]);
  input.messages = to_array(golden["context"]["messages"]);
  input.now_unix_seconds = golden["now"];
  ASSERT_GE(golden["cases"].size(), 150U);
  for (const Json& test : golden["cases"]) {
    const auto source = test["source"].get<std::string>();
    EXPECT_EQ(difference(render(source, input), test), "") << source;
  }
}

void check_families(const std::string& file) {
  const Json golden = load_json(file);
  std::set<std::string> templates;
  for (const Json& test : golden["cases"]) {
    const auto name = test["template"].get<std::string>();
    templates.insert(name);
    std::ifstream source_file(name.starts_with('/') ? name : kData + name);
    ASSERT_TRUE(source_file) << name;
    std::stringstream source;
    source << source_file.rdbuf();
    const auto conversation = test["conversation"].get<std::string>();
    const TemplateInput input = conversation_input(golden["conversations"][conversation], golden["now"]);
    EXPECT_EQ(difference(render(source.str(), input), test), "") << name << " with " << conversation;
  }
  testing::Test::RecordProperty("templates", static_cast<int>(templates.size()));
  testing::Test::RecordProperty("cases", static_cast<int>(golden["cases"].size()));
}

TEST(template_golden, every_family_renders_every_conversation) { check_families(kData + "families.json"); }

TEST(template_golden, no_template_lies_unread) {
  const Json golden = load_json(kData + "families.json");
  std::set<std::string> read;
  for (const Json& test : golden["cases"]) read.insert(test["template"].get<std::string>());
  for (const auto& entry : std::filesystem::directory_iterator(kData)) {
    if (entry.path().extension() == ".jinja") {
      EXPECT_TRUE(read.contains(entry.path().filename())) << entry.path();
    }
  }
  EXPECT_GE(read.size(), 12U);
}

// For goldens that are not in the repository: template_golden.py --templates DIR --out FILE, then this with
// ZENITH_TEMPLATE_GOLDENS=FILE. Without the variable it repeats the families through the same path.
TEST(template_golden, templates_from_elsewhere) {
  const char* file = std::getenv("ZENITH_TEMPLATE_GOLDENS");
  check_families(file != nullptr ? file : kData + "families.json");
}

}  // namespace
}  // namespace zenith::models
