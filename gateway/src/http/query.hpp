// The query of a request's target.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zenith/core/error.hpp"

namespace zenith::gateway {

/// name=value pairs, percent-decoded, '+' is a space.
class Query {
 public:
  /// @param target as sent: "/v1/sensors/a/frames?since=3". @returns invalid_argument for a bad escape, a name that is
  /// not among `names`, or one that comes twice.
  static Expected<Query> read(std::string_view target, std::initializer_list<std::string_view> names);
  std::optional<std::string_view> get(std::string_view name) const noexcept;

 private:
  std::vector<std::pair<std::string, std::string>> pairs_;
};

}  // namespace zenith::gateway
