// How roles and health are written, wherever a body shows them.
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "zenith/messages/directory.hpp"
#include "zenith/messages/roles.hpp"

namespace zenith::gateway {

constexpr std::string_view name_of(messages::Health health) noexcept {
  switch (health) {
    case messages::Health::loading: return "loading";
    case messages::Health::ready: return "ready";
    case messages::Health::draining: return "draining";
    case messages::Health::failed: return "failed";
  }
  return "failed";
}

using messages::name_of;

constexpr std::string_view name_of(messages::ModelKind kind) noexcept {
  switch (kind) {
    case messages::ModelKind::generate: return "generate";
    case messages::ModelKind::embed: return "embed";
    case messages::ModelKind::speech: return "speech";
    case messages::ModelKind::transcription: return "transcription";
    case messages::ModelKind::vision: return "vision";
    case messages::ModelKind::sensor: return "sensor";
  }
  return "unknown";
}

inline std::string hexadecimal(std::uint64_t value) { return fmt::format("{:016x}", value); }

}  // namespace zenith::gateway
