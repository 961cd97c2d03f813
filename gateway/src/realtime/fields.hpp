// Reads the members of nested objects and says where in them something is wrong.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "realtime/problem.hpp"
#include "zenith/core/value.hpp"

namespace zenith::gateway::realtime {

/// An object of a client's event under its path. Null counts as absent unless said otherwise.
class Node {
 public:
  static Read<Node> of(const Value& value, std::string path);

  /// Every member is among `served`; those among `refused` may be null, empty or absent.
  /// @returns unknown_parameter or unsupported_parameter naming the first that is not.
  Read<void> only(std::initializer_list<std::string_view> served,
                  std::initializer_list<std::string_view> refused = {}) const;

  bool has(std::string_view name) const noexcept;      ///< there and not null
  bool is_null(std::string_view name) const noexcept;  ///< there and null
  Read<std::optional<Node>> object(std::string_view name) const;
  Read<std::optional<std::string>> text(std::string_view name, std::size_t most_bytes) const;
  Read<std::string> needed_text(std::string_view name, std::size_t most_bytes) const;
  Read<std::optional<bool>> flag(std::string_view name) const;
  Read<std::optional<std::int64_t>> integer(std::string_view name, std::int64_t low, std::int64_t high) const;
  Read<std::optional<double>> number(std::string_view name, double low, double high) const;
  /// One of `names`, as its place among them.
  Read<std::optional<std::size_t>> choice(std::string_view name, std::initializer_list<std::string_view> names) const;
  /// @returns null when it is absent.
  Read<const Value::Array*> list(std::string_view name, std::size_t most) const;
  const Value* member(std::string_view name) const noexcept;
  std::string path_of(std::string_view name) const;

 private:
  Node(const Value& value, std::string path) : value_(&value), path_(std::move(path)) {}
  const Value* value_;
  std::string path_;
};

tl::unexpected<Problem> missing(std::string path);
tl::unexpected<Problem> not_served(std::string path, std::string_view why);

}  // namespace zenith::gateway::realtime
