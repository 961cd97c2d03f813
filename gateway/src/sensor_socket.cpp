#include "sensor_socket.hpp"

#include "api/sensors.hpp"

namespace zenith::gateway {
namespace {

class SensorSocket final : public SocketSession {
 public:
  SensorSocket(const Call& call, SocketHost host)
      : gateway_(call.gateway), request_(call.request), host_(std::move(host)) {}

  void begin() override {
    request_.body.assign(1, ' ');  // a request of the session, not its handshake
    outlet_ = host_.make_outlet();
    gateway_.run(gateway_.open(std::move(request_), outlet_));
  }
  void on_message(std::string) override {
    host_.make_outlet()->send(
        error_body(
            {Errc::invalid_argument, "this WebSocket takes no messages: it gives frames until it is closed", {}, {}}),
        0);
  }
  void on_closed() override {
    const auto outlet = std::exchange(outlet_, nullptr);
    if (!outlet || !outlet->on_gone) return;
    const auto gone = outlet->on_gone;
    gone();
  }

 private:
  Gateway& gateway_;
  HttpRequest request_;
  SocketHost host_;
  std::shared_ptr<Outlet> outlet_;
};

std::optional<HttpReply> refuse(const Call& call) {
  const auto query = Query::read(call.request.target, {"since", "rate"});
  if (!query) return error_reply(query.error());
  if (const auto watch = read_watch(*query, nullptr); !watch) return error_reply(watch.error());
  const auto snapshot = call.gateway.port.snapshot();
  if (find_sensor(snapshot, call.parameter) != nullptr) return std::nullopt;
  return error_reply(unknown_sensor(call.parameter, snapshot));
}

std::shared_ptr<SocketSession> open(const Call& call, SocketHost host) {
  return std::make_shared<SensorSocket>(call, std::move(host));
}

}  // namespace

const SocketKind kSensorSocket{.refuse = refuse, .open = open};

}  // namespace zenith::gateway
