// A frame that a plugin lends, against its manifest, before a byte of its data is touched.
#pragma once

#include <zenith_sensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "manifest.hpp"

namespace zenith::sensorhost {

/// @param after the channel's last number of this plugin; nothing before the first.
/// @returns bad_frame saying which member lies and what was expected.
Status check_frame(const zenith_frame& frame, const Manifest& manifest, const std::optional<std::uint64_t>& after);

/// The dims of a frame that was checked.
std::vector<std::uint32_t> dims_of(const zenith_frame& frame);

}  // namespace zenith::sensorhost
