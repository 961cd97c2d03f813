#include "realtime/fields.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "api/fields.hpp"
#include "http/error_body.hpp"
#include "json/parse.hpp"

namespace zenith::gateway::realtime {
namespace {

bool empty(const Value& value) {
  if (const auto* list = std::get_if<Value::Array>(&value.data)) return list->empty();
  return std::holds_alternative<std::nullptr_t>(value.data);
}

tl::unexpected<Problem> wrong_type(const std::string& path, std::string_view want, const Value& got) {
  return wrong("invalid_type", fmt::format("{}: must be {}, not {}", path, want, type_name(got)), path);
}

}  // namespace

Problem problem_of(const Error& error) {
  const int status = to_http_status(error.code);
  Problem out;
  out.type = status < 500 ? "invalid_request_error" : "server_error";
  out.code = error.code == Errc::rate_limited ? "rate_limit_exceeded" : std::string{to_string(error.code)};
  out.message = error.message;
  out.param = error.param;
  return out;
}

tl::unexpected<Problem> missing(std::string path) {
  return wrong("missing_required_parameter", path + ": is missing", path);
}

tl::unexpected<Problem> not_served(std::string path, std::string_view why) {
  return wrong("unsupported_parameter", fmt::format("{}: {}", path, why), path);
}

Read<Node> Node::of(const Value& value, std::string path) {
  if (!std::holds_alternative<Value::Object>(value.data)) return wrong_type(path, "an object", value);
  return Node{value, std::move(path)};
}

std::string Node::path_of(std::string_view name) const {
  return path_.empty() ? std::string{name} : fmt::format("{}.{}", path_, name);
}

Read<void> Node::only(std::initializer_list<std::string_view> served,
                      std::initializer_list<std::string_view> refused) const {
  for (const auto& [name, value] : std::get<Value::Object>(value_->data)) {
    if (std::find(served.begin(), served.end(), name) != served.end()) continue;
    const auto path = path_of(name.substr(0, 100));
    if (std::find(refused.begin(), refused.end(), name) == refused.end())
      return wrong("unknown_parameter", fmt::format("{}: is not a field that is known here", path), path);
    if (!empty(value)) return not_served(path, "is not served here");
  }
  return {};
}

const Value* Node::member(std::string_view name) const noexcept { return find(*value_, name); }
bool Node::has(std::string_view name) const noexcept {
  const auto* value = member(name);
  return value != nullptr && !std::holds_alternative<std::nullptr_t>(value->data);
}
bool Node::is_null(std::string_view name) const noexcept {
  const auto* value = member(name);
  return value != nullptr && std::holds_alternative<std::nullptr_t>(value->data);
}

Read<std::optional<Node>> Node::object(std::string_view name) const {
  if (!has(name)) return std::optional<Node>{};
  return of(*member(name), path_of(name)).map([](Node node) { return std::optional<Node>{std::move(node)}; });
}

Read<std::optional<std::string>> Node::text(std::string_view name, std::size_t most_bytes) const {
  if (!has(name)) return std::optional<std::string>{};
  const auto* text = std::get_if<std::string>(&member(name)->data);
  if (text == nullptr) return wrong_type(path_of(name), "a string", *member(name));
  if (text->size() > most_bytes) {
    return wrong("string_above_max_length",
                 fmt::format("{}: has {} bytes, at most {} are taken", path_of(name), text->size(), most_bytes),
                 path_of(name));
  }
  return std::optional<std::string>{*text};
}

Read<std::string> Node::needed_text(std::string_view name, std::size_t most_bytes) const {
  auto out = text(name, most_bytes);
  if (!out) return tl::make_unexpected(out.error());
  if (!*out) return missing(path_of(name));
  return std::move(**out);
}

Read<std::optional<bool>> Node::flag(std::string_view name) const {
  if (!has(name)) return std::optional<bool>{};
  const auto* flag = std::get_if<bool>(&member(name)->data);
  if (flag == nullptr) return wrong_type(path_of(name), "true or false", *member(name));
  return std::optional<bool>{*flag};
}

Read<std::optional<std::int64_t>> Node::integer(std::string_view name, std::int64_t low, std::int64_t high) const {
  if (!has(name)) return std::optional<std::int64_t>{};
  const auto* number = std::get_if<std::int64_t>(&member(name)->data);
  if (number == nullptr) return wrong_type(path_of(name), "an integer", *member(name));
  if (*number < low || *number > high) {
    return wrong("invalid_value", fmt::format("{}: must be from {} to {}, not {}", path_of(name), low, high, *number),
                 path_of(name));
  }
  return std::optional<std::int64_t>{*number};
}

Read<std::optional<double>> Node::number(std::string_view name, double low, double high) const {
  if (!has(name)) return std::optional<double>{};
  const Value& value = *member(name);
  double number = 0;
  if (const auto* whole = std::get_if<std::int64_t>(&value.data)) {
    number = static_cast<double>(*whole);
  } else if (const auto* real = std::get_if<double>(&value.data)) {
    number = *real;
  } else {
    return wrong_type(path_of(name), "a number", value);
  }
  if (!(number >= low && number <= high)) {
    return wrong("invalid_value", fmt::format("{}: must be from {} to {}, not {}", path_of(name), low, high, number),
                 path_of(name));
  }
  return std::optional<double>{number};
}

Read<std::optional<std::size_t>> Node::choice(std::string_view name,
                                              std::initializer_list<std::string_view> names) const {
  const auto given = text(name, 256);
  if (!given) return tl::make_unexpected(given.error());
  if (!*given) return std::optional<std::size_t>{};
  const auto at = std::find(names.begin(), names.end(), **given);
  if (at == names.end()) {
    return wrong("invalid_value",
                 fmt::format("{}: must be one of {}, not \"{}\"", path_of(name), fmt::join(names, ", "),
                             (*given)->substr(0, 40)),
                 path_of(name));
  }
  return std::optional<std::size_t>{static_cast<std::size_t>(at - names.begin())};
}

Read<const Value::Array*> Node::list(std::string_view name, std::size_t most) const {
  if (!has(name)) return nullptr;
  const auto* list = std::get_if<Value::Array>(&member(name)->data);
  if (list == nullptr) return wrong_type(path_of(name), "a list", *member(name));
  if (list->size() > most) {
    return wrong("array_above_max_length",
                 fmt::format("{}: has {} elements, at most {} are taken", path_of(name), list->size(), most),
                 path_of(name));
  }
  return list;
}

}  // namespace zenith::gateway::realtime
