// The fields that chat and completions share, and the rules between fields.
#include <fmt/format.h>

#include <charconv>

#include "api/fields.hpp"

namespace zenith::gateway {
namespace {

constexpr double kAny = 1e18;
constexpr std::size_t kStops = 16, kStopBytes = 256, kBiases = 1024;

double number(const Value& v) {
  const auto* i = std::get_if<std::int64_t>(&v.data);
  return i != nullptr ? static_cast<double>(*i) : std::get<double>(v.data);
}
float real(const Value& v) { return static_cast<float>(number(v)); }
std::int64_t whole(const Value& v) { return std::get<std::int64_t>(v.data); }
bool flag(const Value& v) { return std::get<bool>(v.data); }

Status set_stop(const Value& v, Draft& d) {
  d.generate.stop.clear();
  const auto add = [&](const Value& item, std::string_view field) -> Status {
    const auto* text = std::get_if<std::string>(&item.data);
    if (text == nullptr) return bad_field(field, fmt::format("must be a string, not {}", type_name(item)));
    if (text->empty() || text->size() > kStopBytes)
      return bad_field(field, fmt::format("must have 1 to {} bytes, not {}", kStopBytes, text->size()));
    d.generate.stop.push_back(*text);
    return {};
  };
  const auto* list = std::get_if<Value::Array>(&v.data);
  if (list == nullptr) return add(v, "stop");
  if (list->size() > kStops) return bad_field("stop", fmt::format("may have {} strings, not {}", kStops, list->size()));
  for (std::size_t i = 0; i < list->size(); ++i) {
    if (auto status = add((*list)[i], fmt::format("stop[{}]", i)); !status) return status;
  }
  return {};
}

Status set_logit_bias(const Value& v, Draft& d) {
  const auto& object = std::get<Value::Object>(v.data);
  if (object.size() > kBiases)
    return bad_field("logit_bias", fmt::format("may have {} entries, not {}", kBiases, object.size()));
  for (const auto& [name, value] : object) {
    TokenId id = -1;
    const auto [end, ec] = std::from_chars(name.data(), name.data() + name.size(), id);
    if (ec != std::errc{} || end != name.data() + name.size() || id < 0)
      return bad_field("logit_bias", fmt::format("the key \"{}\" is no token id", name.substr(0, 40)));
    if (value.data.index() != 2 && value.data.index() != 3)
      return bad_field("logit_bias", fmt::format("the value of {} must be a number, not {}", id, type_name(value)));
    const double bias = number(value);
    if (!(bias >= -100 && bias <= 100))
      return bad_field("logit_bias", fmt::format("the value of {} must be from -100 to 100, not {}", id, bias));
    d.generate.sampling.logit_bias.emplace_back(id, static_cast<float>(bias));
  }
  return {};
}

Status set_stream_options(const Value& v, Draft& d) {
  d.has_stream_options = true;
  for (const auto& [name, value] : std::get<Value::Object>(v.data)) {
    const std::string field = "stream_options." + name.substr(0, 100);
    if (name != "include_usage") return bad_field(field, "is not a field that is known here");
    if (std::holds_alternative<std::nullptr_t>(value.data)) continue;
    const auto* on = std::get_if<bool>(&value.data);
    if (on == nullptr) return bad_field(field, fmt::format("must be true or false, not {}", type_name(value)));
    d.include_usage = *on;
  }
  return {};
}

}  // namespace

std::vector<Field> generation_fields() {
  using K = FieldKind;
  static constexpr std::string_view kLater = "is not served yet";
  return {
      {"model", K::string, 1, 512,
       [](const Value& v, Draft& d) -> Status {
         d.generate.model = std::get<std::string>(v.data);
         return {};
       }},
      {"temperature", K::number, 0, 2,
       [](const Value& v, Draft& d) -> Status {
         d.generate.sampling.temperature = real(v);
         return {};
       }},
      {"top_p",
       K::number,
       0,
       1,
       [](const Value& v, Draft& d) -> Status {
         d.generate.sampling.top_p = real(v);
         return {};
       },
       {},
       true},
      {"min_p",
       K::number,
       0,
       1,
       [](const Value& v, Draft& d) -> Status {
         d.generate.sampling.min_p = real(v);
         return {};
       },
       {},
       false,
       true},
      {"top_k", K::integer, 0, INT32_MAX,
       [](const Value& v, Draft& d) -> Status {
         d.generate.sampling.top_k = static_cast<std::int32_t>(whole(v));
         return {};
       }},
      {"presence_penalty", K::number, -2, 2,
       [](const Value& v, Draft& d) -> Status {
         d.generate.sampling.presence_penalty = real(v);
         return {};
       }},
      {"frequency_penalty", K::number, -2, 2,
       [](const Value& v, Draft& d) -> Status {
         d.generate.sampling.frequency_penalty = real(v);
         return {};
       }},
      {"repeat_penalty",
       K::number,
       0,
       10,
       [](const Value& v, Draft& d) -> Status {
         d.generate.sampling.repeat_penalty = real(v);
         return {};
       },
       {},
       true},
      {"seed", K::integer, -kAny * 10, kAny * 10,
       [](const Value& v, Draft& d) -> Status {
         d.generate.sampling.seed = static_cast<std::uint64_t>(whole(v));
         return {};
       }},
      {"logit_bias", K::object, 0, 0, set_logit_bias},
      {"ignore_eos", K::boolean, 0, 0,
       [](const Value& v, Draft& d) -> Status {
         d.generate.sampling.ignore_eos = flag(v);
         return {};
       }},
      {"max_tokens", K::integer, 1, INT32_MAX,
       [](const Value& v, Draft& d) -> Status {
         d.max_tokens = whole(v);
         return {};
       }},
      {"n", K::integer, 1, 64,
       [](const Value& v, Draft& d) -> Status {
         d.generate.choices = static_cast<std::uint32_t>(whole(v));
         return {};
       }},
      {"stop", K::any, 0, 0, set_stop},
      {"stream", K::boolean, 0, 0,
       [](const Value& v, Draft& d) -> Status {
         d.stream = flag(v);
         return {};
       }},
      {"stream_options", K::object, 0, 0, set_stream_options},
      {"cache_prompt", K::boolean},  // without a prefix cache both answers are the same
      {"grammar", K::refused, 0, 0, nullptr, kLater},
      {"json_schema", K::refused, 0, 0, nullptr, kLater},
      {"user", K::ignored},
      {"metadata", K::ignored},
      {"store", K::ignored},
      {"service_tier", K::ignored},
      {"safety_identifier", K::ignored},
      {"prompt_cache_key", K::ignored},
      {"prompt_cache_retention", K::ignored},
      {"verbosity", K::ignored},
      {"prediction", K::ignored},
  };
}

Status finish_draft(Draft& d, const std::string& default_model) {
  auto& g = d.generate;
  if (g.model.empty()) g.model = default_model;
  if (g.model.empty()) return bad_field("model", "is missing and this server has no default model");
  if (d.has_stream_options && !d.stream) return bad_field("stream_options", "needs \"stream\": true");
  if (d.has_top_logprobs && !g.logprobs) return bad_field("top_logprobs", "needs \"logprobs\": true");
  if (d.max_tokens && d.max_completion_tokens && *d.max_tokens != *d.max_completion_tokens) {
    return bad_field("max_tokens", fmt::format("is {} while max_completion_tokens is {}: give one of them",
                                               *d.max_tokens, *d.max_completion_tokens));
  }
  if (const auto limit = d.max_completion_tokens ? d.max_completion_tokens : d.max_tokens)
    g.max_tokens = static_cast<std::uint32_t>(*limit);
  if (g.logprobs) g.credit_events = 64;  // an event with alternatives is larger
  return {};
}

}  // namespace zenith::gateway
