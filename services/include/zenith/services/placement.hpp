// Where a process stands in the graph: which roles it has, and how it reaches the others.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "zenith/links/hub.hpp"
#include "zenith/messages/directory.hpp"
#include "zenith/messages/system.hpp"

namespace zenith::services {

/// Absent from StackOptions: every role in this process, no links.
struct Placement {
  std::set<messages::Role> roles;                          ///< at least one
  links::Hub* hub = nullptr;                               ///< outlives the stack
  std::function<std::vector<messages::LinkLine>()> links;  ///< the hub's, for /v1/system
  std::uint64_t epoch = 0;                                 ///< of this process, as in the hub's hello

  // The directory: with the role router it listens there, without it dials.
  std::string directory_bind, directory_endpoint, directory_key;
  // With a role that serves.
  std::string service_bind, service_endpoint, public_key;
  bool allow_mixed_numerics = false;

  bool has(messages::Role role) const { return roles.contains(role); }
  bool serves() const {
    return std::any_of(roles.begin(), roles.end(),
                       [](auto role) { return role != messages::Role::gateway && role != messages::Role::router; });
  }
};

}  // namespace zenith::services
