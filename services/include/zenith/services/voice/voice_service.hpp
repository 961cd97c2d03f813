// A voice service: the actor of one model that speaks.
#pragma once

#include <memory>
#include <string>

#include "zenith/actors/actor.hpp"
#include "zenith/actors/protocol.hpp"
#include "zenith/core/effects.hpp"
#include "zenith/services/lane.hpp"
#include "zenith/services/load_cell.hpp"
#include "zenith/services/voice/speaker.hpp"

namespace zenith::services {

/// What an actor of this service works with; all of it outlives the actor.
struct VoiceSetup {
  std::shared_ptr<Speaker> speaker;  ///< touched by the worker only
  Worker* worker = nullptr;          ///< its own: a sentence takes it for as long as it takes to make
  Effects* effects = nullptr;
  LoadCell* load = nullptr;
  std::size_t queue = 0;  ///< requests open at once
};

/// Cancelled requests make no further sentence. Understands SpeakWork, CancelWork, GrantWork, Ping; refuses the rest.
std::unique_ptr<actors::Behaviour> make_voice_service(VoiceSetup setup);

}  // namespace zenith::services
