// A voice service: the actor of one model that speaks.
#pragma once

#include <memory>

#include "zenith/services/hosted.hpp"
#include "zenith/services/voice/speaker.hpp"

namespace zenith::services {

/// Cancelled requests make no further sentence. Understands SpeakWork, CancelWork, GrantWork, Ping; refuses the rest.
/// @param speaker touched by the setup's worker only.
std::unique_ptr<actors::Behaviour> make_voice_service(std::shared_ptr<Speaker> speaker, EncoderFactory encoders,
                                                      const HostedSetup& setup);

HostedService hosted_voice(std::shared_ptr<Speaker> speaker, EncoderFactory encoders);

}  // namespace zenith::services
