// What a window of pictures shows.
#pragma once

#include "zenith/services/sensor/frame_ring.hpp"
#include "zenith/services/sensor/source.hpp"

namespace zenith::services {

/// A few of the pictures that were taken after `since_ns` and up to `now_ns` (CLOCK_MONOTONIC), the last one among
/// them, with what is told of a window; fewer where files are large. @pre messages::is_picture(channel.entry).
/// @returns payload_too_large (param "sensor_id") when not even the last one fits.
Expected<messages::Window> picture_window(const SensorChannel& channel, const FrameRing& ring, std::int64_t since_ns,
                                          std::int64_t now_ns, std::chrono::milliseconds window);

}  // namespace zenith::services
