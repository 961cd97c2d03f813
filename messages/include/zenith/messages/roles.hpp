// The names of roles, as configurations and answers have them.
#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "zenith/messages/directory.hpp"

namespace zenith::messages {

inline constexpr std::array<std::pair<Role, std::string_view>, 7> kRoleNames{{{Role::gateway, "gateway"},
                                                                              {Role::router, "router"},
                                                                              {Role::text, "text"},
                                                                              {Role::expert, "expert"},
                                                                              {Role::vision, "vision"},
                                                                              {Role::voice, "voice"},
                                                                              {Role::sensor, "sensor"}}};

constexpr std::string_view name_of(Role role) noexcept {
  for (const auto& [known, name] : kRoleNames) {
    if (known == role) return name;
  }
  return "unknown";
}

constexpr std::optional<Role> role_of(std::string_view name) noexcept {
  for (const auto& [role, known] : kRoleNames) {
    if (known == name) return role;
  }
  return std::nullopt;
}

/// Their services run in zenith-media.
constexpr bool in_media(Role role) noexcept { return role == Role::vision || role == Role::voice; }
constexpr bool in_media(std::string_view role) noexcept {
  const auto known = role_of(role);
  return known && in_media(*known);
}

/// Their services run in children of `zenith serve`.
constexpr bool in_child(Role role) noexcept { return in_media(role) || role == Role::sensor; }
constexpr bool in_child(std::string_view role) noexcept {
  const auto known = role_of(role);
  return known && in_child(*known);
}

}  // namespace zenith::messages
