// A window of a sensor in numbers and in words.
#pragma once

#include <string>

#include "zenith/services/sensor/frame_ring.hpp"
#include "zenith/services/sensor/source.hpp"

namespace zenith::services {

/// The frames of `ring` that were measured after `since_ns` (CLOCK_MONOTONIC). Values that are no numbers are left out,
/// pictures are counted only.
messages::Window digest(const SensorChannel& channel, const FrameRing& ring, std::int64_t since_ns,
                        std::chrono::milliseconds window);

/// "1.5 GiB" for bytes, "12.5 %", "21 °C": a UCUM unit as people write it.
std::string with_unit(double value, const std::string& unit);

}  // namespace zenith::services
