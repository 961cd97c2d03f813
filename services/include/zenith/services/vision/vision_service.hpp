// A vision service: the actor of one model that reads pictures.
#pragma once

#include <memory>

#include "zenith/services/hosted.hpp"
#include "zenith/services/vision/image_reader.hpp"

namespace zenith::services {

/// Pictures are read one at a time on the setup's worker; what is cancelled or late stops within 100 ms or so.
/// Understands ReadImageCall and Ping; refuses the rest.
HostedService hosted_vision(std::shared_ptr<ImageReader> reader);

}  // namespace zenith::services
