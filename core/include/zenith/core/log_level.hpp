// From log.level to a level.
#pragma once

#include <string>

#include "zenith/core/log.hpp"

namespace zenith {

/// @param name as load_config lets it through; anything else is info.
inline LogLevel log_level_of(const std::string& name) noexcept {
  if (name == "debug") return LogLevel::debug;
  if (name == "warn") return LogLevel::warn;
  if (name == "error") return LogLevel::error;
  return name == "off" ? LogLevel::off : LogLevel::info;
}

}  // namespace zenith
