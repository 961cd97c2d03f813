// Sensors whose frames are pictures.
#pragma once

#include "zenith/messages/sensor.hpp"

namespace zenith::messages {

/// Its frames are u8 [height, width, 3]: red first, rows from the top.
inline bool is_picture(const SensorEntry& entry) noexcept {
  return entry.dtype == SampleType::u8 && entry.shape.size() == 3 && entry.shape[2] == 3;
}

}  // namespace zenith::messages
