// What `zenith serve` was asked to be: configuration, flags and roles become one Config.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "zenith/core/config.hpp"
#include "zenith/gateway/server.hpp"

namespace zenith::tools {

struct ServeOptions {
  std::vector<std::string> roles;
  std::optional<std::string> config_file;
  std::optional<std::string> listen;
  std::vector<std::string> models;    ///< --model: one text service with these, instead of the configuration's
  std::vector<std::string> ids;       ///< --id: of the roles of these services, only these
  std::optional<std::string> record;  ///< --record: the file
  bool offline = false, print_config = false;
};

/// flag > environment > file > default. Services are filled in: the result says all of the system, also what other
/// processes run.
/// @returns invalid_argument or unsupported naming the flag, key or role.
Expected<Config> serve_config(const ServeOptions& options, const Environment& environment);

/// Of each role of which `ids` name a service, drops those whose id is not among them: what this process serves.
/// @returns not_found naming the ids that there are.
Status keep_ids(Config& config, const std::vector<std::string>& ids);

/// Every model that the configuration's services name, and what those cannot do without, in order, once each.
std::vector<std::string> wanted_models(const Config& config);

/// The gateway's options: address, keys, limits, default models. @returns bad_file for the keys file.
Expected<gateway::ServerOptions> server_options(const Config& config);

}  // namespace zenith::tools
