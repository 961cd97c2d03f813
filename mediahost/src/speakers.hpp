// Media's voices as the voice service takes them.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "zenith/services/voice/speaker.hpp"

namespace zenith::mediahost {

/// A Piper voice; compiled graphs are kept in $ZENITH_HOME/cache/graphs, so that a restart is quick.
Expected<std::unique_ptr<services::Speaker>> load_piper(const std::string& name, const std::filesystem::path& path);

}  // namespace zenith::mediahost
