// Any bytes as a template: an error or a text, soon, within the limits.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "zenith/models/template/chat_template.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace zenith;
  const auto compiled = models::ChatTemplate::compile(std::string(reinterpret_cast<const char*>(data), size));
  if (!compiled) return 0;
  models::TemplateInput input;
  input.messages = {Value{Value::Object{{"role", "user"}, {"content", "a <b> é"}}},
                    Value{Value::Object{{"role", "assistant"},
                                        {"content", Value::Array{Value{1}, Value{2.5}, Value{true}, Value{}}}}}};
  const auto rendered = compiled->render(input, {.steps = 20'000, .output_bytes = 1U << 16, .depth = 50});
  if (!rendered) return 0;
  std::size_t before = 0;
  for (const models::TextRange& range : rendered->untrusted) {
    if (range.begin < before || range.begin >= range.end || range.end > rendered->text.size()) std::abort();
    before = range.end;
  }
  return 0;
}
