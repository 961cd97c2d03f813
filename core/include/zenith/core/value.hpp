// A JSON-like value without JSON: what a request hands to a chat template, past the gateway.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace zenith {

struct Value {
  using Array = std::vector<Value>;
  using Object = std::vector<std::pair<std::string, Value>>;  ///< in the order of arrival; keys are unique
  std::variant<std::nullptr_t, bool, std::int64_t, double, std::string, Array, Object> data = nullptr;

  Value() = default;
  template <class T>
    requires(!std::is_same_v<std::remove_cvref_t<T>, Value>)
  Value(T&& v) : data(std::forward<T>(v)) {}
  Value(const char* s) : data(std::string{s}) {}
  Value(int v) : data(std::int64_t{v}) {}

  friend bool operator==(const Value&, const Value&) = default;
};

}  // namespace zenith
