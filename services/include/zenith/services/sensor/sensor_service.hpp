// A sensor service: the actor of one plugin's sensors.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "zenith/actors/actor.hpp"
#include "zenith/actors/protocol.hpp"
#include "zenith/core/effects.hpp"
#include "zenith/services/load_cell.hpp"
#include "zenith/services/sensor/sensor_core.hpp"

namespace zenith::services {

/// What an actor of this service works with; all of it outlives the actor.
struct SensorSetup {
  std::shared_ptr<SensorSource> source;
  LoadCell* load = nullptr;
  SensorLimits limits;
  /// Called when a sensor begins or ends to measure, or the source says how it is; must return at once.
  std::function<void(std::size_t channel, bool running)> changed;
  std::function<void(const std::string& text)> health;
};

/// Understands WatchWork, WindowCall, SetSensorCall, CancelWork, GrantWork, Ping; refuses the rest.
std::unique_ptr<actors::Behaviour> make_sensor_service(SensorSetup setup);

}  // namespace zenith::services
