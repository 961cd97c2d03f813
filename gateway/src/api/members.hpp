// Reads the members of a small body, each by its name, and refuses what is left.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "api/fields.hpp"

namespace zenith::gateway {

/// @returns invalid_argument when the object has a member that is not listed.
Status only_members(const Value& object, std::initializer_list<std::string_view> names);
/// Null counts as absent. @returns invalid_argument when it is there and no T (std::string or bool).
template <class T>
Expected<std::optional<T>> member(const Value& object, std::string_view name);
/// The model it names, or the default. @returns invalid_argument when there is neither.
Expected<std::string> model_of(const Value& object, const std::string& default_model);

/// Standard base64 with padding.  Source: RFC 4648.
std::string base64(std::string_view bytes);

}  // namespace zenith::gateway
