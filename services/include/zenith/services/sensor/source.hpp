// Where a sensor service's frames come from. The process that runs a plugin implements it; tests put a scripted one
// here.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "zenith/core/error.hpp"
#include "zenith/core/ids.hpp"
#include "zenith/messages/sensor.hpp"
#include "zenith/services/sensor/frame_ring.hpp"

namespace zenith::services {

/// One sensor: a channel of a plugin.
struct SensorChannel {
  std::string id;  ///< "host.cpu"
  messages::SensorEntry entry;
  Generation generation;  ///< of the manifest and the service: two services never have the same sensor
};

/// From the source's thread. Numbers grow.
struct FramesRead {
  FrameBlock block;
  std::shared_ptr<const void> ticket;  ///< kept until the block is in its ring: bounds what is on the way
};

/// How the source is, for people.
struct SourceHealth {
  bool well = true;
  std::string text;
};

/// Any thread.
class SensorSource {
 public:
  virtual ~SensorSource() = default;
  virtual const SensorChannel& channel() const noexcept = 0;
  /// Frames go here from now on, from a thread of the source's own. A later call replaces an earlier one.
  virtual void deliver_to(std::function<void(FramesRead)> frames, std::function<void(SourceHealth)> health) = 0;
  /// Returns at once. A sensor that does not run delivers nothing.
  virtual void set_running(bool run) = 0;
};

}  // namespace zenith::services
