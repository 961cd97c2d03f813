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

/// As the directory names them until they speak for themselves. Those with start = first_use are on demand: what their
/// models are is known from the catalog.
std::vector<services::ChildService> children_of(const Config& config);

struct MediaChild {
  std::vector<services::ChildService> services;
  std::unique_ptr<ChildProcess> process;
};

/// zenith-media for each of them, at once or on demand. @returns not_found naming a model.
Expected<std::vector<MediaChild>> start_children(const Config& config, const std::string& directory,
                                                 services::Stack& stack);

/// The one that has the service. Any thread.
void wake_child(const std::vector<MediaChild>& children, const std::string& service_id);

}  // namespace zenith::tools
