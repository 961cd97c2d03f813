// What `zenith serve` brings up when nobody says what, and what it tells of it.
#pragma once

#include <string>
#include <vector>

#include "zenith/core/config.hpp"

namespace zenith::tools {

/// What speaks, hears, sees and measures, as far as it is here: the default models and every other voice that lie in
/// the models folder, in processes that start with their first request; the host's telemetry. Gateway, router and text
/// are not among them: they always run.
std::vector<ServiceConfig> default_services(const Config& config);

/// For people, a line each: who does text, speech, transcription, pictures and sensors, or what would turn it on.
std::string roles_text(const Config& config);

}  // namespace zenith::tools
