// One reader of a sensor: its Watch to the Port, frames to the client as they come, credit back.
#pragma once

#include <memory>

#include "api/sensors.hpp"
#include "call.hpp"

namespace zenith::gateway {

/// The loop's thread only; events come through a sink that posts to it. To who asked for a WebSocket each frame is a
/// message, its end {"type":"done"}; to others each is an event, and an error before the first is an error body.
class SensorStream : public std::enable_shared_from_this<SensorStream> {
 public:
  static void start(const std::shared_ptr<Call>& call, messages::Watch request);
  void on_event(messages::Event event);

 private:
  SensorStream(std::shared_ptr<Call> call, std::string sensor_id)
      : call_(std::move(call)), sensor_id_(std::move(sensor_id)), socket_(call_->request.upgrade_websocket) {}
  void send(const messages::Frames& frames);
  void begin();
  void fail(const Error& error);
  void end(int status);

  std::shared_ptr<Call> call_;
  std::string sensor_id_;
  const bool socket_;
  bool streaming_ = false, over_ = false;
};

}  // namespace zenith::gateway
