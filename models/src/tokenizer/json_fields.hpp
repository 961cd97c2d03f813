// Reading tokenizer.json without exceptions: every accessor answers for a wrong type.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "zenith/core/error.hpp"

namespace zenith::models::json_fields {

using Json = nlohmann::json;

inline tl::unexpected<Error> bad(std::string_view field, std::string_view what) {
  return fail(Errc::bad_file, "tokenizer.json: '" + std::string{field} + "' " + std::string{what}, std::string{field});
}

inline tl::unexpected<Error> unsupported(std::string_view field, std::string_view what) {
  return fail(Errc::unsupported, "tokenizer.json: '" + std::string{field} + "' " + std::string{what},
              std::string{field});
}

/// null if the object or the field is not there.
inline const Json& field(const Json& object, const char* name) noexcept {
  static const Json kNull;
  if (!object.is_object()) return kNull;
  const auto it = object.find(name);
  return it == object.end() ? kNull : *it;
}

inline std::string text_of(const Json& value) {
  const auto* text = value.get_ptr<const std::string*>();
  return text != nullptr ? *text : std::string{};
}

inline std::string type_of(const Json& object) { return text_of(field(object, "type")); }

inline bool flag(const Json& object, const char* name, bool fallback) noexcept {
  const auto* value = field(object, name).get_ptr<const bool*>();
  return value != nullptr ? *value : fallback;
}

/// -1 if it is no integer from 0 to 2^31 - 1.
inline std::int32_t id_of(const Json& value) noexcept {
  const auto* id = value.get_ptr<const std::uint64_t*>();
  return id != nullptr && *id <= 0x7FFFFFFF ? static_cast<std::int32_t>(*id) : -1;
}

}  // namespace zenith::models::json_fields
