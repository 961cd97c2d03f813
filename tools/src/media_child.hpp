// zenith-media as a child of this process.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "child_process.hpp"
#include "zenith/core/config.hpp"
#include "zenith/core/error.hpp"
#include "zenith/services/stack.hpp"

namespace zenith::tools {

/// `service` of `config` in a process of its own. Its models must be in the models folder.
/// @param directory where the child dials the directory. @returns not_found naming a model.
Expected<ChildCommand> media_command(const Config& config, const ServiceConfig& service, const std::string& directory);

/// zenith-media is there and may be run. @returns not_found saying how to get it.
Status media_is_there(const ChildCommand& command);

/// Those that run in zenith-media.
std::vector<ServiceConfig> media_services(const Config& config);

/// As the directory names them until they speak for themselves.
std::vector<services::ChildService> children_of(const Config& config);

/// Starts zenith-media for each of them. @returns not_found naming a model.
Expected<std::vector<std::unique_ptr<ChildProcess>>> start_children(const Config& config, const std::string& directory,
                                                                    services::Stack& stack);

}  // namespace zenith::tools
