#include "api/fields.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace zenith::gateway {
namespace {

template <class T>
const T* as(const Value& v) noexcept {
  return std::get_if<T>(&v.data);
}

std::string range_text(const Field& f) {
  if (f.low <= -1e15 && f.high >= 1e15) return {};
  if (f.high >= 1e15) return fmt::format(" {} {}", f.open_low ? "above" : "of at least", f.low);
  return fmt::format(" {} {} to {}{}", f.open_low ? "above" : "from", f.low, f.open_high ? "below " : "", f.high);
}

Status check_number(const Field& f, double v, std::string_view kind) {
  if (v < f.low || v > f.high || (f.open_low && v == f.low) || (f.open_high && v == f.high)) {
    return bad_field(f.name, fmt::format("must be {}{}, not {}", kind, range_text(f), v));
  }
  return {};
}

Status check_kind(const Value& value, const Field& f) {
  const auto wrong = [&](std::string_view want) -> Status {
    return bad_field(f.name,
                     fmt::format("must be {}{}, not {}", want,
                                 f.kind == FieldKind::number || f.kind == FieldKind::integer ? range_text(f) : "",
                                 type_name(value)));
  };
  switch (f.kind) {
    case FieldKind::number:
      if (const auto* i = as<std::int64_t>(value)) return check_number(f, static_cast<double>(*i), "a number");
      if (const auto* d = as<double>(value)) return check_number(f, *d, "a number");
      return wrong("a number");
    case FieldKind::integer:
      if (const auto* i = as<std::int64_t>(value)) return check_number(f, static_cast<double>(*i), "an integer");
      return wrong("an integer");
    case FieldKind::boolean: return as<bool>(value) != nullptr ? Status{} : wrong("true or false");
    case FieldKind::string: {
      const auto* s = as<std::string>(value);
      if (s == nullptr) return wrong("a string");
      const auto size = static_cast<double>(s->size());
      if (size < f.low || (f.high > 0 && size > f.high)) {
        return bad_field(f.name, fmt::format("must be {} to {} bytes long, not {}", f.low, f.high, s->size()));
      }
      return {};
    }
    case FieldKind::object: return as<Value::Object>(value) != nullptr ? Status{} : wrong("an object");
    case FieldKind::any: return {};
    case FieldKind::ignored: return {};
    case FieldKind::refused: return fail(Errc::unsupported, fmt::format("{}: {}", f.name, f.note), std::string(f.name));
  }
  return {};
}

}  // namespace

std::string_view type_name(const Value& value) noexcept {
  switch (value.data.index()) {
    case 0: return "null";
    case 1: return "a boolean";
    case 2: return "an integer";
    case 3: return "a number";
    case 4: return "a string";
    case 5: return "a list";
    default: return "an object";
  }
}

Status apply_fields(const Value& body, std::span<const Field> fields, Draft& draft) {
  const auto* members = as<Value::Object>(body);
  if (members == nullptr) return fail(Errc::invalid_argument, "the body must be a JSON object");
  for (const auto& [name, value] : *members) {
    const auto field = std::find_if(fields.begin(), fields.end(), [&n = name](const Field& f) { return f.name == n; });
    if (field == fields.end()) return bad_field(name.substr(0, 100), "is not a field that is known here");
    if (as<std::nullptr_t>(value) != nullptr) continue;
    if (auto status = check_kind(value, *field); !status) return status;
    if (field->set == nullptr) continue;
    if (auto status = field->set(value, draft); !status) return status;
  }
  return {};
}

std::vector<std::string_view> names_of(std::span<const Field> fields, FieldKind kind) {
  std::vector<std::string_view> names;
  for (const auto& f : fields) {
    if (f.kind == kind) names.push_back(f.name);
  }
  return names;
}

Expected<std::vector<TokenId>> token_list(const Value& value, std::string_view field) {
  const auto* list = as<Value::Array>(value);
  if (list == nullptr) return bad_field(field, fmt::format("must be a list of token ids, not {}", type_name(value)));
  std::vector<TokenId> tokens;
  tokens.reserve(list->size());
  for (std::size_t i = 0; i < list->size(); ++i) {
    const auto* id = as<std::int64_t>((*list)[i]);
    if (id == nullptr || *id < 0 || *id > INT32_MAX) {
      return bad_field(fmt::format("{}[{}]", field, i), "must be a token id: an integer from 0 to 2147483647");
    }
    tokens.push_back(static_cast<TokenId>(*id));
  }
  return tokens;
}

}  // namespace zenith::gateway
