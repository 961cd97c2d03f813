// How this process stands among others: its roles, its claim on its name, its hub.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "zenith/core/config.hpp"
#include "zenith/core/effects.hpp"
#include "zenith/links/zmq_hub.hpp"
#include "zenith/services/placement.hpp"
#include "zenith/wire/run_dir.hpp"

namespace zenith::services {

/// Of a process that talks to others; outlives its stack.
struct ProcessLinks {
  std::vector<wire::Claim> claims;  ///< of its services' ids in the run folder
  std::unique_ptr<links::ZmqHub> hub;
  Placement placement;
  std::string endpoint;  ///< where it listens, for people; empty for a gateway
};

/// The roles named; without any, all that the configuration has services for.
std::set<messages::Role> roles_of(const std::vector<std::string>& names, const Config& config);

struct JoinOptions {
  std::set<messages::Role> roles;
  std::string version;    ///< of this program, for peers
  bool children = false;  ///< the voice services of the configuration run in children of this process
  bool claim = true;      ///< false: who started this process holds the claims
};

/// Claims ids (a taken "text" becomes "text.2" and so on, in `config` too), opens the hub, says where to listen and to
/// dial. Nothing, when every role is here without children and the configuration gives the router no endpoint: one
/// process needs no links.
/// @returns io or unavailable naming folder or id; not_found naming a key file and `zenith keys`.
Expected<std::optional<ProcessLinks>> join(Config& config, const JoinOptions& options, Effects& effects);

}  // namespace zenith::services
