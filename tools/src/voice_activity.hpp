// The voice activity detector that conversations use, from the models' folder.
#pragma once

#include <filesystem>

#include "zenith/core/error.hpp"
#include "zenith/gateway/voice_activity.hpp"

namespace zenith::tools {

/// Empty when silero-vad is not there: /v1/realtime then refuses server_vad and says how to get it. It runs in this
/// process, not in zenith-media, so that speech over an answer stops it whatever the media child is doing.
/// @returns bad_file naming the tensor when the file is there and wrong.
Expected<gateway::MakeVoiceActivity> find_voice_activity(const std::filesystem::path& models_dir);

}  // namespace zenith::tools
