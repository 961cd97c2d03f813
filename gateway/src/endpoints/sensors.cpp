// /v1/sensors and what lies below
#include <fmt/format.h>

#include <algorithm>

#include "api/members.hpp"
#include "api/sensors.hpp"
#include "endpoints/endpoints.hpp"
#include "sensor_stream.hpp"

namespace zenith::gateway {
namespace {

/// A plugin's process is listed when it does not speak through its sensors.
bool listed(const messages::SensorStatus& sensor, const messages::Snapshot& snapshot) {
  if (sensor.entry) return true;
  return std::none_of(snapshot.sensors.begin(), snapshot.sensors.end(), [&](const messages::SensorStatus& other) {
    return other.entry && other.status.health == messages::Health::ready &&
           other.status.id.substr(0, other.status.id.find(':')) == sensor.status.id;
  });
}

void set(const std::shared_ptr<Call>& call, bool run) {
  messages::SetSensor request{call->header(), call->parameter, run};
  call->gateway.port.set_sensor(std::move(request),
                                call->expect<messages::Text>([id = call->parameter](Call& c, messages::Text status) {
                                  JsonWriter w;
                                  w.begin_object().key("id").string(id).key("status").string(status.text).end_object();
                                  c.reply_json(w.take());
                                }));
}

/// Loading a plugin is running code: only where the configuration says so. Beyond loopback a key is asked for in any
/// case.
bool may_load(const std::shared_ptr<Call>& call) {
  if (call->gateway.options.load_sensors) return true;
  call->fail({Errc::unsupported,
              "sensors are not loaded over HTTP here: set sensors.load = true in the configuration to allow it",
              "sensors.load",
              {}});
  return false;
}

}  // namespace

void list_sensors(const std::shared_ptr<Call>& call) {
  const auto snapshot = call->gateway.port.snapshot();
  JsonWriter w;
  w.begin_object().key("object").string("list").key("sensors").begin_array();
  for (const auto& sensor : snapshot.sensors) {
    if (listed(sensor, snapshot)) write_sensor(w, sensor);
  }
  w.end_array().end_object();
  call->reply_json(w.take());
}

void get_sensor(const std::shared_ptr<Call>& call) {
  const auto snapshot = call->gateway.port.snapshot();
  const auto at = std::find_if(snapshot.sensors.begin(), snapshot.sensors.end(), [&](const auto& sensor) {
    return (sensor.entry ? sensor.entry->name : sensor.status.id) == call->parameter && listed(sensor, snapshot);
  });
  if (at == snapshot.sensors.end()) return call->fail(unknown_sensor(call->parameter, snapshot));
  JsonWriter w;
  write_sensor(w, *at);
  call->reply_json(w.take());
}

void sensor_frames(const std::shared_ptr<Call>& call) {
  auto query = Query::read(call->request.target, {"since", "rate"});
  if (!query) return call->fail(query.error());
  auto request = read_watch(*query, call->request.header("last-event-id"));
  if (!request) return call->fail(request.error());
  request->model = call->parameter;
  SensorStream::start(call, std::move(*request));
}

void sensor_window(const std::shared_ptr<Call>& call) {
  auto query = Query::read(call->request.target, {"window"});
  if (!query) return call->fail(query.error());
  auto window = read_duration(query->get("window").value_or("30s"), "window");
  if (window && *window > messages::kLongestWindow) {
    window = fail(Errc::invalid_argument,
                  fmt::format("window: {} s is longer than the {} s that frames are kept", window->count() / 1000,
                              messages::kLongestWindow.count() / 1000),
                  "window");
  }
  if (!window) return call->fail(window.error());
  messages::ReadWindow request{call->header(), call->parameter, *window};
  call->gateway.port.read_window(std::move(request),
                                 call->expect<messages::Window>([](Call& c, const messages::Window& answer) {
                                   JsonWriter w;
                                   write_window(w, answer);
                                   c.reply_json(w.take());
                                 }));
}

void start_sensor(const std::shared_ptr<Call>& call) { set(call, true); }
void stop_sensor(const std::shared_ptr<Call>& call) { set(call, false); }

void load_sensor(const std::shared_ptr<Call>& call) {
  if (!may_load(call)) return;
  auto body = call->json();
  if (!body) return call->fail(body.error());
  if (auto ok = only_members(*body, {"plugin", "options"}); !ok) return call->fail(ok.error());
  const auto plugin = member<std::string>(*body, "plugin");
  if (!plugin) return call->fail(plugin.error());
  if (!*plugin || (*plugin)->empty()) {
    return call->fail(
        {Errc::invalid_argument, "plugin: is missing: a path, or a name in the plugin folders", "plugin", {}});
  }
  messages::LoadSensor request{call->header(), **plugin, {}};
  for (const auto& [name, value] : std::get<Value::Object>(body->data)) {
    if (name != "options") continue;
    if (!std::holds_alternative<Value::Object>(value.data)) {
      return call->fail({Errc::invalid_argument, "options: must be an object", "options", {}});
    }
    JsonWriter w;
    w.value(value);
    request.options = w.take();
  }
  call->gateway.port.load_sensor(std::move(request),
                                 call->expect<messages::Text>([](Call& c, const messages::Text& service) {
                                   JsonWriter w;
                                   w.begin_object().key("service").string(service.text).key("status").string("loading");
                                   w.end_object();
                                   c.reply_json(w.take());
                                 }));
}

void unload_sensor(const std::shared_ptr<Call>& call) {
  if (!may_load(call)) return;
  messages::UnloadSensor request{call->header(), call->parameter};
  call->gateway.port.unload_sensor(std::move(request),
                                   call->expect<messages::Text>([](Call& c, const messages::Text& service) {
                                     JsonWriter w;
                                     w.begin_object().key("service").string(service.text).key("deleted").boolean(true);
                                     w.end_object();
                                     c.reply_json(w.take());
                                   }));
}

}  // namespace zenith::gateway
