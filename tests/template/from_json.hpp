// JSON of a golden file to the values that a request carries.
#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "zenith/models/template/chat_template.hpp"

namespace zenith::models {

using Json = nlohmann::ordered_json;

inline Value to_value(const Json& json) {
  if (json.is_null()) return {};
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_integer()) return json.get<std::int64_t>();
  if (json.is_number()) return json.get<double>();
  if (json.is_string()) return json.get<std::string>();
  if (json.is_array()) {
    Value::Array out;
    for (const Json& item : json) out.push_back(to_value(item));
    return out;
  }
  Value::Object out;
  for (const auto& [key, item] : json.items()) out.emplace_back(key, to_value(item));
  return out;
}

inline Value::Array to_array(const Json& json) { return std::get<Value::Array>(to_value(json).data); }
inline Value::Object to_object(const Json& json) { return std::get<Value::Object>(to_value(json).data); }

inline Json load_json(const std::string& path) {
  std::ifstream file(path);
  return Json::parse(file);
}

/// tests/data/template/families.json: a conversation as the request would bring it.
inline TemplateInput conversation_input(const Json& conversation, std::int64_t now) {
  TemplateInput input;
  input.messages = to_array(conversation["messages"]);
  if (conversation.contains("tools")) input.tools = to_array(conversation["tools"]);
  input.add_generation_prompt = conversation.value("add_generation_prompt", true);
  input.bos_token = "<s>";
  input.eos_token = "</s>";
  if (conversation.contains("extra")) input.extra = to_object(conversation["extra"]);
  input.now_unix_seconds = now;
  return input;
}

}  // namespace zenith::models
