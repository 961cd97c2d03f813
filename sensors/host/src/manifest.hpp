// What a plugin says of itself, checked.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "zenith/core/error.hpp"
#include "zenith/messages/sensor.hpp"

namespace zenith::sensorhost {

inline constexpr std::size_t kManifestBytes = 65536;

struct Manifest {
  std::string id, version, kind, description;
  std::vector<messages::SensorEntry> channels;  ///< with plugin, version and kind filled in
  std::uint64_t hash = 0;                       ///< of the text

  std::string sensor_id(std::size_t channel) const { return id + "." + channels[channel].channel; }
};

/// @returns bad_file naming the member: "channels[2].unit".
Expected<Manifest> read_manifest(std::string_view json);

}  // namespace zenith::sensorhost
