// A sensor service: the actor of one sensor.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "zenith/actors/actor.hpp"
#include "zenith/actors/protocol.hpp"
#include "zenith/services/hosted.hpp"
#include "zenith/services/sensor/sensor_core.hpp"

namespace zenith::services {

/// Understands WatchWork, WindowCall, SetSensorCall, CancelWork, GrantWork, Ping; refuses the rest.
std::unique_ptr<actors::Behaviour> make_sensor_service(std::shared_ptr<SensorSource> source, SensorLimits limits,
                                                       HostedSetup setup);

/// The service as a stack runs it.
HostedService hosted_sensor(std::shared_ptr<SensorSource> source, SensorLimits limits);

}  // namespace zenith::services
