// Whisper as a transcriber of the voice service.
#pragma once

#include <filesystem>

#include "zenith/services/hosted.hpp"

namespace zenith::mediahost {

/// A folder with CTranslate2's model.bin.
bool is_whisper(const std::filesystem::path& folder);

/// Where speech begins and ends is silero's to say: its folder `silero-vad` lies beside `folder`.
/// @param cache for compiled graphs; empty: none. @returns not_found naming what to pull, bad_file.
Expected<services::HostedService> load_whisper(const std::filesystem::path& folder, const std::filesystem::path& cache);

}  // namespace zenith::mediahost
