#include "api/members.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "json/parse.hpp"

namespace zenith::gateway {

Status only_members(const Value& object, std::initializer_list<std::string_view> names) {
  for (const auto& [name, value] : std::get<Value::Object>(object.data)) {
    if (std::find(names.begin(), names.end(), name) == names.end())
      return bad_field(name.substr(0, 100), "is not a field that is known here");
  }
  return {};
}

template <class T>
Expected<std::optional<T>> member(const Value& object, std::string_view name) {
  const Value* value = find(object, name);
  if (value == nullptr || std::holds_alternative<std::nullptr_t>(value->data)) return std::optional<T>{};
  const auto* typed = std::get_if<T>(&value->data);
  if (typed == nullptr)
    return bad_field(name, fmt::format("must be {}, not {}", type_name(Value{T{}}), type_name(*value)));
  return std::optional<T>{*typed};
}
template Expected<std::optional<std::string>> member(const Value&, std::string_view);
template Expected<std::optional<bool>> member(const Value&, std::string_view);

Expected<std::string> model_of(const Value& object, const std::string& default_model) {
  auto name = member<std::string>(object, "model");
  if (!name) return tl::make_unexpected(name.error());
  std::string model = name->value_or(default_model);
  if (model.empty()) return bad_field("model", "is missing and this server has no default model");
  if (model.size() > 512) return bad_field("model", "must be 1 to 512 bytes long");
  return model;
}

std::string base64(std::string_view bytes) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k)
      out.push_back(i + k <= bytes.size() ? kDigits[group >> (18 - 6 * k) & 63] : '=');
  }
  return out;
}

}  // namespace zenith::gateway
