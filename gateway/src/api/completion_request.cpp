#include "api/completion_request.hpp"

#include <fmt/format.h>

namespace zenith::gateway {
namespace {

constexpr std::size_t kPrompts = 64;

bool is_number(const Value& v) { return v.data.index() == 2 || v.data.index() == 3; }

// A string, a list of strings, a list of token ids, or a list of lists of token ids.
Status set_prompt(const Value& v, Draft& d) {
  if (const auto* text = std::get_if<std::string>(&v.data)) {
    d.prompts.emplace_back(*text);
    return {};
  }
  const auto* list = std::get_if<Value::Array>(&v.data);
  if (list == nullptr)
    return bad_field("prompt", fmt::format("must be a string, a list of strings or token ids, not {}", type_name(v)));
  if (list->empty()) return bad_field("prompt", "is empty");
  if (is_number(list->front())) {
    auto tokens = token_list(v, "prompt");
    if (!tokens) return tl::make_unexpected(tokens.error());
    d.prompts.emplace_back(std::move(*tokens));
    return {};
  }
  if (list->size() > kPrompts)
    return bad_field("prompt", fmt::format("may have {} prompts, not {}", kPrompts, list->size()));
  for (std::size_t i = 0; i < list->size(); ++i) {
    const auto field = fmt::format("prompt[{}]", i);
    if (const auto* text = std::get_if<std::string>(&(*list)[i].data)) {
      d.prompts.emplace_back(*text);
      continue;
    }
    auto tokens = token_list((*list)[i], field);
    if (!tokens) return tl::make_unexpected(tokens.error());
    if (tokens->empty()) return bad_field(field, "is empty");
    d.prompts.emplace_back(std::move(*tokens));
  }
  return {};
}

std::vector<Field> build_completion_fields() {
  using K = FieldKind;
  static constexpr std::string_view kLater = "is not served yet";
  auto fields = generation_fields();
  const std::vector<Field> own{
      {"prompt", K::any, 0, 0, set_prompt},
      {"echo", K::boolean, 0, 0,
       [](const Value& v, Draft& d) -> Status {
         d.generate.echo = std::get<bool>(v.data);
         return {};
       }},
      {"logprobs", K::integer, 0, 20,
       [](const Value& v, Draft& d) -> Status {
         d.generate.logprobs = true;
         d.generate.top_logprobs = static_cast<std::uint32_t>(std::get<std::int64_t>(v.data));
         return {};
       }},
      {"best_of", K::refused, 0, 0, nullptr, kLater},
      {"suffix", K::refused, 0, 0, nullptr, kLater},
      {"response_format", K::refused, 0, 0, nullptr, kLater},
  };
  fields.insert(fields.end(), own.begin(), own.end());
  return fields;
}

}  // namespace

std::span<const Field> completion_fields() {
  static const std::vector<Field> fields = build_completion_fields();
  return fields;
}

Expected<Draft> read_completion_request(const Value& body, const std::string& default_model) {
  Draft draft;
  if (auto status = apply_fields(body, completion_fields(), draft); !status) return tl::make_unexpected(status.error());
  if (draft.prompts.empty()) return bad_field("prompt", "is missing");
  if (draft.prompts.size() * draft.generate.choices > kPrompts) {
    return bad_field("n", fmt::format("times the number of prompts may be {}, not {}", kPrompts,
                                      draft.prompts.size() * draft.generate.choices));
  }
  if (auto status = finish_draft(draft, default_model); !status) return tl::make_unexpected(status.error());
  return draft;
}

}  // namespace zenith::gateway
