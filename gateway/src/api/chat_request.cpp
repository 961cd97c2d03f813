#include "api/chat_request.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "api/base64.hpp"
#include "api/sensors.hpp"

namespace zenith::gateway {
namespace {

constexpr std::array<std::string_view, 5> kRoles{"system", "developer", "user", "assistant", "tool"};
constexpr std::array<std::string_view, 6> kEfforts{"none", "minimal", "low", "medium", "high", "xhigh"};

bool is_null(const Value& v) { return std::holds_alternative<std::nullptr_t>(v.data); }
constexpr std::size_t kMostImages = 16, kMostSensors = 16, kMostAudio = 16;  // of one request

/// A message while its parts are read.
struct PartReader {
  messages::ChatMessage& out;
  std::uint32_t message;
  std::vector<ChatImage>* images;
  std::vector<messages::StagedPart>* staged;
};

bool is_empty(const Value& v) {
  const auto* list = std::get_if<Value::Array>(&v.data);
  return is_null(v) || (list != nullptr && list->empty());
}

/// The member of that name when it is a string, else null.
const std::string* text_of(const Value::Object& members, std::string_view wanted) {
  for (const auto& [name, value] : members) {
    if (name == wanted) return std::get_if<std::string>(&value.data);
  }
  return nullptr;
}

Status only_known(const Value::Object& members, std::initializer_list<std::string_view> known,
                  const std::string& where) {
  for (const auto& [name, value] : members) {
    if (std::find(known.begin(), known.end(), name) == known.end())
      return bad_field(where + "." + name.substr(0, 100), "is not a field that is known here");
  }
  return {};
}

/// How closely a picture shall be looked at: all are read whole, so that each value means the same.
Status check_detail(const Value::Object& members, const std::string& where) {
  for (const auto& [name, value] : members) {
    if (name != "detail" || is_null(value)) continue;
    const auto* detail = std::get_if<std::string>(&value.data);
    if (detail == nullptr || (*detail != "auto" && *detail != "low" && *detail != "high"))
      return bad_field(where + ".detail", "must be auto, low or high");
  }
  return {};
}

/// {"type":"image_url","image_url":{"url","detail"}}, and as /v1/responses has it
/// {"type":"input_image","image_url":"…"}.
Status read_image(const Value::Object& members, const std::string& where, PartReader& reader) {
  if (reader.images == nullptr) {
    return fail(Errc::unsupported, where + ".type: pictures are not served here, only in /v1/chat/completions",
                where + ".type");
  }
  if (reader.out.role != "user")
    return bad_field(where + ".type",
                     fmt::format("pictures come in messages of the user, not of role \"{}\"", reader.out.role));
  if (reader.images->size() >= kMostImages)
    return bad_field(where, fmt::format("is a picture too many: a request may have {}", kMostImages));
  const std::string field = where + ".image_url";
  const Value* image = nullptr;
  for (const auto& [name, value] : members) {
    if (name == "image_url") image = &value;
  }
  if (image == nullptr) return bad_field(field, "is missing");
  const std::string* url = std::get_if<std::string>(&image->data);
  if (auto ok = only_known(members, {"type", "image_url", "detail"}, where); !ok) return ok;
  if (auto ok = check_detail(members, where); !ok) return ok;
  if (const auto* object = std::get_if<Value::Object>(&image->data)) {
    if (auto ok = only_known(*object, {"url", "detail"}, field); !ok) return ok;
    if (auto ok = check_detail(*object, field); !ok) return ok;
    url = text_of(*object, "url");
    if (url == nullptr) return bad_field(field + ".url", "must be a string");
  }
  if (url == nullptr) return bad_field(field, fmt::format("must be an object with a url, not {}", type_name(*image)));
  auto source = read_image_source(*url, field);
  if (!source) return tl::make_unexpected(source.error());
  reader.images->push_back(
      {reader.message, static_cast<std::uint32_t>(reader.out.text_parts.size()), std::move(*source)});
  reader.out.text_parts.emplace_back();
  return {};
}

template <class Part>
std::size_t parts_of(const std::vector<messages::StagedPart>& staged) {
  return static_cast<std::size_t>(std::count_if(
      staged.begin(), staged.end(), [](const auto& part) { return std::holds_alternative<Part>(part.what); }));
}

/// {"type":"input_audio","input_audio":{"data":"base64","format":"wav"}}
Status read_speech(const Value::Object& members, const std::string& where, PartReader& reader) {
  if (reader.staged == nullptr) {
    return fail(Errc::unsupported, where + ".type: speech is not served here, only in /v1/chat/completions",
                where + ".type");
  }
  if (reader.out.role != "user")
    return bad_field(where + ".type",
                     fmt::format("speech comes in messages of the user, not of role \"{}\"", reader.out.role));
  if (parts_of<messages::AudioPart>(*reader.staged) >= kMostAudio)
    return bad_field(where, fmt::format("is speech too much: a request may have {}", kMostAudio));
  const std::string field = where + ".input_audio";
  if (auto ok = only_known(members, {"type", "input_audio"}, where); !ok) return ok;
  const Value::Object* audio = nullptr;
  for (const auto& [name, value] : members) {
    if (name == "input_audio") audio = std::get_if<Value::Object>(&value.data);
  }
  if (audio == nullptr) return bad_field(field, "must be an object with data and format");
  if (auto ok = only_known(*audio, {"data", "format"}, field); !ok) return ok;
  const std::string* format = text_of(*audio, "format");
  if (format == nullptr || (*format != "wav" && *format != "mp3"))
    return bad_field(field + ".format", "must be wav or mp3");
  const std::string* data = text_of(*audio, "data");
  if (data == nullptr || data->empty()) return bad_field(field + ".data", "must be the file in base64");
  auto bytes = from_base64(*data);
  if (!bytes) return bad_field(field + ".data", "is no base64");
  reader.staged->push_back({reader.message, static_cast<std::uint32_t>(reader.out.text_parts.size()),
                            messages::AudioPart{Buffer::of(std::move(*bytes))}});
  reader.out.text_parts.emplace_back();
  return {};
}

/// {"type":"sensor","sensor_id":"host.cpu","window":"30s"}
Status read_sensor(const Value::Object& members, const std::string& where, PartReader& reader) {
  if (reader.staged == nullptr) {
    return fail(Errc::unsupported, where + ".type: sensors are not served here, only in /v1/chat/completions",
                where + ".type");
  }
  if (reader.out.role != "user" && reader.out.role != "system" && reader.out.role != "developer") {
    return bad_field(
        where + ".type",
        fmt::format("sensors come in messages of the user or the system, not of role \"{}\"", reader.out.role));
  }
  if (parts_of<messages::SensorPart>(*reader.staged) >= kMostSensors)
    return bad_field(where, fmt::format("is a sensor too many: a request may have {}", kMostSensors));
  if (auto ok = only_known(members, {"type", "sensor_id", "window"}, where); !ok) return ok;
  const std::string* id = text_of(members, "sensor_id");
  if (id == nullptr || id->empty()) return bad_field(where + ".sensor_id", "must be a sensor's id");
  const std::string* window = text_of(members, "window");
  if (window == nullptr) return bad_field(where + ".window", "must be a time such as \"30s\"");
  const auto time = read_duration(*window, where + ".window");
  if (!time) return tl::make_unexpected(time.error());
  if (*time > messages::kLongestWindow) {
    return bad_field(where + ".window", fmt::format("is longer than the {} s that frames are kept",
                                                    messages::kLongestWindow.count() / 1000));
  }
  reader.staged->push_back(
      {reader.message, static_cast<std::uint32_t>(reader.out.text_parts.size()), messages::SensorPart{*id, *time}});
  reader.out.text_parts.emplace_back();
  return {};
}

Status read_part(const Value& part, const std::string& where, PartReader& reader) {
  const auto* members = std::get_if<Value::Object>(&part.data);
  if (members == nullptr)
    return bad_field(where, fmt::format("must be an object with a type, not {}", type_name(part)));
  const std::string* type = text_of(*members, "type");
  if (type == nullptr) return bad_field(where + ".type", "must be a string");
  if (*type == "image_url" || *type == "input_image") return read_image(*members, where, reader);
  if (*type == "sensor") return read_sensor(*members, where, reader);
  if (*type == "input_audio") return read_speech(*members, where, reader);
  if (*type != "text") {
    return fail(Errc::unsupported,
                fmt::format("{}.type: \"{}\" is not served yet, only \"text\", \"image_url\", \"input_audio\" and "
                            "\"sensor\" are",
                            where, type->substr(0, 100)),
                where + ".type");
  }
  const std::string* text = text_of(*members, "text");
  if (text == nullptr) return bad_field(where + ".text", "must be a string");
  if (auto ok = only_known(*members, {"type", "text"}, where); !ok) return ok;
  reader.out.text_parts.push_back(*text);
  return {};
}

Status read_content(const Value& content, const std::string& where, PartReader& reader) {
  if (const auto* text = std::get_if<std::string>(&content.data)) {
    reader.out.text_parts.push_back(*text);
    return {};
  }
  const auto* parts = std::get_if<Value::Array>(&content.data);
  if (parts == nullptr)
    return bad_field(where, fmt::format("must be a string or a list of parts, not {}", type_name(content)));
  if (parts->empty()) return bad_field(where, "has no parts");
  for (std::size_t i = 0; i < parts->size(); ++i) {
    if (auto status = read_part((*parts)[i], fmt::format("{}[{}]", where, i), reader); !status) return status;
  }
  return {};
}

Expected<messages::ChatMessage> read_message(const Value& message, std::uint32_t index, std::vector<ChatImage>* images,
                                             std::vector<messages::StagedPart>* staged) {
  const std::string where = fmt::format("messages[{}]", index);
  const auto* members = std::get_if<Value::Object>(&message.data);
  if (members == nullptr) return bad_field(where, fmt::format("must be an object, not {}", type_name(message)));
  messages::ChatMessage out;
  const Value* content = nullptr;
  for (const auto& [name, value] : *members) {
    const std::string field = where + "." + name.substr(0, 100);
    if (name == "content") {
      if (!is_null(value)) content = &value;
    } else if (name == "role" || name == "name" || name == "reasoning_content" || name == "tool_call_id") {
      if (is_null(value) && name != "role") continue;
      const auto* text = std::get_if<std::string>(&value.data);
      if (text == nullptr) return bad_field(field, fmt::format("must be a string, not {}", type_name(value)));
      if (name == "role") out.role = *text;
      if (name == "name") out.name = *text;
      if (name == "reasoning_content") out.reasoning_content = *text;
    } else if (name == "tool_calls" || name == "function_call" || name == "audio" || name == "refusal" ||
               name == "annotations") {
      // Clients send an answer back with all of its fields: empty ones say nothing.
      if (!is_empty(value)) return fail(Errc::unsupported, field + ": is not served yet", field);
    } else {
      return bad_field(field, "is not a field that is known here");
    }
  }
  if (out.role.empty()) return bad_field(where + ".role", "is missing");
  if (std::find(kRoles.begin(), kRoles.end(), out.role) == kRoles.end()) {
    return bad_field(where + ".role", fmt::format("must be system, developer, user, assistant or tool, not \"{}\"",
                                                  out.role.substr(0, 100)));
  }
  if (content == nullptr) {
    if (out.role != "assistant") return bad_field(where + ".content", "is missing");
    return out;
  }
  PartReader reader{out, index, images, staged};
  if (auto status = read_content(*content, where + ".content", reader); !status)
    return tl::make_unexpected(status.error());
  return out;
}

Status set_messages(const Value& v, Draft& d) {
  auto list = read_messages(v, &d.images, &d.generate.staged);
  if (!list) return tl::make_unexpected(list.error());
  d.chat.messages = std::move(*list);
  d.has_messages = true;
  return {};
}

Status set_response_format(const Value& v, Draft&) {
  const Value* type = nullptr;
  for (const auto& [name, value] : std::get<Value::Object>(v.data)) {
    if (name == "type") type = &value;
  }
  const auto* text = type != nullptr ? std::get_if<std::string>(&type->data) : nullptr;
  if (text == nullptr) return bad_field("response_format.type", "must be a string");
  if (*text == "text") return {};
  return fail(Errc::unsupported,
              fmt::format("response_format: the type \"{}\" is not served yet, only \"text\" is", text->substr(0, 100)),
              "response_format");
}

Status set_effort(const Value& v, Draft& d) {
  const auto& effort = std::get<std::string>(v.data);
  if (std::find(kEfforts.begin(), kEfforts.end(), effort) == kEfforts.end()) {
    return bad_field("reasoning_effort", fmt::format("must be none, minimal, low, medium, high or xhigh, not \"{}\"",
                                                     effort.substr(0, 100)));
  }
  d.chat.reasoning_effort = effort;
  return {};
}

std::vector<Field> build_chat_fields() {
  using K = FieldKind;
  static constexpr std::string_view kLater = "is not served yet";
  auto fields = generation_fields();
  const std::vector<Field> own{
      {"messages", K::any, 0, 0, set_messages},
      {"max_completion_tokens", K::integer, 1, INT32_MAX,
       [](const Value& v, Draft& d) -> Status {
         d.max_completion_tokens = std::get<std::int64_t>(v.data);
         return {};
       }},
      {"logprobs", K::boolean, 0, 0,
       [](const Value& v, Draft& d) -> Status {
         d.generate.logprobs = std::get<bool>(v.data);
         return {};
       }},
      {"top_logprobs", K::integer, 0, 20,
       [](const Value& v, Draft& d) -> Status {
         d.generate.top_logprobs = static_cast<std::uint32_t>(std::get<std::int64_t>(v.data));
         d.has_top_logprobs = true;
         return {};
       }},
      {"response_format", K::object, 0, 0, set_response_format},
      {"chat_template_kwargs", K::object, 0, 0,
       [](const Value& v, Draft& d) -> Status {
         d.chat.template_kwargs = std::get<Value::Object>(v.data);
         return {};
       }},
      {"reasoning_effort", K::string, 1, 32, set_effort},
      {"tools", K::refused, 0, 0, nullptr, kLater},
      {"tool_choice", K::refused, 0, 0, nullptr, kLater},
      {"parallel_tool_calls", K::refused, 0, 0, nullptr, kLater},
      {"functions", K::refused, 0, 0, nullptr, kLater},
      {"function_call", K::refused, 0, 0, nullptr, kLater},
      {"modalities", K::any, 0, 0,
       [](const Value& v, Draft& d) -> Status { return read_modalities(v, d.spoken_fields); }},
      {"audio", K::any, 0, 0, [](const Value& v, Draft& d) -> Status { return read_audio(v, d.spoken_fields); }},
      {"web_search_options", K::refused, 0, 0, nullptr, kLater},
  };
  fields.insert(fields.end(), own.begin(), own.end());
  return fields;
}

}  // namespace

std::span<const Field> chat_fields() {
  static const std::vector<Field> fields = build_chat_fields();
  return fields;
}

Expected<std::vector<messages::ChatMessage>> read_messages(const Value& list, std::vector<ChatImage>* images,
                                                           std::vector<messages::StagedPart>* staged) {
  const auto* items = std::get_if<Value::Array>(&list.data);
  if (items == nullptr) return bad_field("messages", fmt::format("must be a list, not {}", type_name(list)));
  if (items->empty()) return bad_field("messages", "is empty: a chat needs at least one message");
  std::vector<messages::ChatMessage> out;
  out.reserve(items->size());
  for (std::size_t i = 0; i < items->size(); ++i) {
    auto message = read_message((*items)[i], static_cast<std::uint32_t>(i), images, staged);
    if (!message) return tl::make_unexpected(message.error());
    out.push_back(std::move(*message));
  }
  return out;
}

Expected<Draft> read_chat_request(const Value& body, const std::string& default_model, Streams streams) {
  Draft draft;
  if (auto status = apply_fields(body, chat_fields(), draft); !status) return tl::make_unexpected(status.error());
  draft.stream = draft.stream || streams == Streams::always;
  if (!draft.has_messages) return bad_field("messages", "is missing");
  if (auto status = finish_draft(draft, default_model); !status) return tl::make_unexpected(status.error());
  if (draft.spoken_fields.wanted || draft.spoken_fields.has_audio) {
    const auto format = spoken_format(draft.spoken_fields, draft.stream, draft.generate.choices);
    if (!format) return tl::make_unexpected(format.error());
    draft.spoken = *format;
  }
  draft.generate.prompt = std::move(draft.chat);
  return draft;
}

}  // namespace zenith::gateway
