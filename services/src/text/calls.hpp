// The calls that both kinds of text service answer: tokenize, detokenize, apply-template, ping.
#pragma once

#include <memory>

#include "zenith/actors/protocol.hpp"
#include "zenith/services/text/text_service.hpp"

namespace zenith::services {

/// Hands the call to the worker, or answers it. @returns false when it is none of these.
bool handle_text_call(actors::ServiceMessage& message, const TextSetup& setup);

}  // namespace zenith::services
