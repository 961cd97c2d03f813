// The other end of a remote process: requests that come over links become sessions and calls of local services.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "zenith/actors/actor.hpp"
#include "zenith/actors/protocol.hpp"
#include "zenith/actors/session.hpp"
#include "zenith/actors/system.hpp"
#include "zenith/core/effects.hpp"
#include "zenith/links/hub.hpp"

namespace zenith::links {

struct DoorSetup {
  Hub* hub = nullptr;
  actors::System* system = nullptr;
  Effects* effects = nullptr;
  actors::SessionTable* sessions = nullptr;  ///< bounds what is open, and is closed to drain; outlives the door
  std::string endpoint;                      ///< to listen on
  actors::Promise<std::string> listening;    ///< the endpoint as bound, or why it cannot be
  /// The local service with a model (its own name, no alias). @returns loading, not_found, unavailable, draining.
  std::function<Expected<actors::Ref<actors::ServiceMessage>>(const std::string& model)> find;
  /// Every local service that runs: a peer's ping is answered when all have answered.
  std::function<std::vector<actors::Ref<actors::ServiceMessage>>()> all;
};

/// Listens from its start: understands LinkMessage. A request's work ends when its link is lost.
std::unique_ptr<actors::Behaviour> make_service_door(DoorSetup setup);

}  // namespace zenith::links
