// One model of zenith-media for one verb.
#pragma once

#include <functional>
#include <string>

#include "zenith/core/effects.hpp"
#include "zenith/core/error.hpp"
#include "zenith/services/stack.hpp"

namespace zenith::tools {

/// Starts the graph of this process and a zenith-media with that model in a service of that role ("voice", "vision"),
/// which nothing else can reach; calls `run` once the model is loaded, and stops both. @returns its error, or why it
/// could not be started.
Status with_media(const std::string& role, const std::string& model,
                  const std::function<Status(services::Stack& stack, Effects& effects)>& run);

}  // namespace zenith::tools
