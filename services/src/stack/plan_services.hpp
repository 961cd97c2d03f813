// From a configuration to the models of the text services.
#pragma once

#include <vector>

#include "zenith/services/stack.hpp"

namespace zenith::services {

/// @returns invalid_argument naming the key: an unknown role, a model named twice, unknown numerics, zero limits.
Expected<std::vector<ModelSpec>> plan_services(const Config& config);

}  // namespace zenith::services
