// From a configuration to the models of the services.
#pragma once

#include <functional>
#include <vector>

#include "zenith/services/stack.hpp"

namespace zenith::services {

/// @returns invalid_argument naming the key: an unknown role, a model named twice, unknown numerics, zero limits.
Expected<std::vector<ModelSpec>> plan_services(const Config& config);

/// Of the services in zenith-media whose role `has` accepts. @returns invalid_argument naming the key.
Expected<std::vector<HostedSpec>> plan_hosted(const Config& config, const std::function<bool(messages::Role)>& has);

}  // namespace zenith::services
