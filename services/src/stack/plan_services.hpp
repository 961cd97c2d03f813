// From a configuration to the models of the services.
#pragma once

#include <vector>

#include "zenith/services/stack.hpp"

namespace zenith::services {

/// @returns invalid_argument naming the key: an unknown role, a model named twice, unknown numerics, zero limits.
Expected<std::vector<ModelSpec>> plan_services(const Config& config);

/// Of the voice services. @returns invalid_argument naming the key.
Expected<std::vector<VoiceSpec>> plan_voices(const Config& config);

}  // namespace zenith::services
