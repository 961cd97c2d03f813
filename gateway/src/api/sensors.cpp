#include "api/sensors.hpp"

#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>

#include "api/members.hpp"
#include "endpoints/names.hpp"

namespace zenith::gateway {
namespace {

using messages::SampleType;

static_assert(std::endian::native == std::endian::little, "frames are little-endian");

template <class T>
T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

void write_value(JsonWriter& w, const std::byte* at, SampleType type) {
  switch (type) {
    case SampleType::u8: w.integer(load<std::uint8_t>(at)); return;
    case SampleType::i8: w.integer(load<std::int8_t>(at)); return;
    case SampleType::u16: w.integer(load<std::uint16_t>(at)); return;
    case SampleType::i16: w.integer(load<std::int16_t>(at)); return;
    case SampleType::u32: w.integer(load<std::uint32_t>(at)); return;
    case SampleType::i32: w.integer(load<std::int32_t>(at)); return;
    case SampleType::u64: w.raw(std::to_string(load<std::uint64_t>(at))); return;
    case SampleType::i64: w.integer(load<std::int64_t>(at)); return;
    case SampleType::f32: w.number(load<float>(at)); return;
    case SampleType::f64: w.number(load<double>(at)); return;
  }
}

template <class Dims>
void write_dims(JsonWriter& w, const Dims& dims) {
  w.begin_array();
  for (const auto dim : dims) w.integer(dim);
  w.end_array();
}

void write_flags(JsonWriter& w, std::uint32_t flags) {
  w.begin_array();
  if ((flags & messages::kFrameGap) != 0) w.string("gap");
  if ((flags & messages::kFrameLate) != 0) w.string("late");
  if ((flags & messages::kFrameClipped) != 0) w.string("clipped");
  if ((flags & messages::kFrameSimulated) != 0) w.string("simulated");
  w.end_array();
}

std::string_view status_of(const messages::SensorStatus& sensor) {
  if (sensor.status.health == messages::Health::ready && sensor.entry && sensor.entry->sensor &&
      !sensor.entry->sensor->running) {
    return "stopped";
  }
  return name_of(sensor.status.health);
}

}  // namespace

Expected<std::chrono::milliseconds> read_duration(std::string_view text, const std::string& field) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view unit{end, static_cast<std::size_t>(text.data() + text.size() - end)};
  const double scale = unit == "ms" ? 1 : unit.empty() || unit == "s" ? 1000 : unit == "m" ? 60'000 : 0;
  const double ms = std::round(value * scale);
  if (error != std::errc{} || scale == 0 || !(ms >= 1 && ms <= 1e12)) {
    return fail(
        Errc::invalid_argument,
        fmt::format("{}: must be a time such as \"500ms\", \"30s\" or \"2m\", not \"{}\"", field, text.substr(0, 100)),
        field);
  }
  return std::chrono::milliseconds{static_cast<std::int64_t>(ms)};
}

Expected<messages::Watch> read_watch(const Query& query, const std::string* last_event_id) {
  messages::Watch out;
  auto since = query.get("since");
  if (!since && last_event_id != nullptr) since = *last_event_id;
  if (since) {
    std::uint64_t seq = 0;
    const auto [end, error] = std::from_chars(since->data(), since->data() + since->size(), seq);
    if (error != std::errc{} || end != since->data() + since->size() || seq == UINT64_MAX) {
      return fail(Errc::invalid_argument, "since: must be the number of the last frame that you have", "since");
    }
    out.from = seq + 1;
  }
  if (const auto rate = query.get("rate")) {
    const auto [end, error] = std::from_chars(rate->data(), rate->data() + rate->size(), out.rate_hz);
    if (error != std::errc{} || end != rate->data() + rate->size() || !(out.rate_hz > 0 && out.rate_hz <= 1e6)) {
      return fail(Errc::invalid_argument, "rate: must be a number of frames a second, above 0 and at most 1000000",
                  "rate");
    }
  }
  return out;
}

void write_sensor(JsonWriter& w, const messages::SensorStatus& sensor) {
  const auto* entry = sensor.entry && sensor.entry->sensor ? &*sensor.entry->sensor : nullptr;
  w.begin_object().key("id").string(entry != nullptr ? sensor.entry->name : sensor.status.id);
  w.key("object").string("sensor").key("service").string(sensor.status.id.substr(0, sensor.status.id.find(':')));
  w.key("plugin");
  if (entry != nullptr) {
    w.string(entry->plugin).key("version").string(entry->version).key("kind").string(entry->kind);
  } else {
    w.null();
  }
  w.key("status").string(status_of(sensor)).key("detail").string(sensor.status.detail);
  w.key("channels").begin_array();
  if (entry != nullptr) {
    w.begin_object().key("name").string(entry->channel).key("unit").string(entry->unit);
    w.key("dtype").string(name_of(entry->dtype)).key("shape");
    write_dims(w, entry->shape);
    w.key("labels").begin_array();
    for (const auto& label : entry->labels) w.string(label);
    w.end_array().key("rate_hz").number(entry->rate_hz).key("policy");
    w.string(entry->policy == messages::BackPressure::latest ? "latest" : "drop_oldest").end_object();
  }
  w.end_array().end_object();
}

void write_window(JsonWriter& w, const messages::Window& window) {
  w.begin_object().key("object").string("sensor.window").key("sensor_id").string(window.sensor_id);
  w.key("window_ms").integer(window.window.count()).key("unit").string(window.unit);
  w.key("frames").integer(static_cast<std::int64_t>(window.frames));
  w.key("lost").integer(static_cast<std::int64_t>(window.lost));
  w.key("gaps").integer(static_cast<std::int64_t>(window.gaps)).key("span_s").number(window.span_s);
  w.key("elements").begin_array();
  for (const auto& e : window.elements) {
    w.begin_object().key("label").string(e.label).key("last").number(e.last).key("mean").number(e.mean);
    w.key("min").number(e.min).key("max").number(e.max).key("slope_per_s").number(e.slope_per_s).end_object();
  }
  w.end_array().key("text").string(window.text).end_object();
}

std::string frame_json(const std::string& sensor_id, const messages::Frames& frames, std::size_t f) {
  const std::size_t size = size_of(frames.dtype);
  const std::size_t bytes = frames.data.size() / frames.heads.size();
  const auto& head = frames.heads[f];
  JsonWriter w;
  w.begin_object().key("sensor_id").string(sensor_id).key("seq").raw(std::to_string(head.seq));
  w.key("t_ns").integer(head.t_ns).key("wall_ns").integer(head.wall_ns).key("flags");
  write_flags(w, head.flags);
  if (f == 0 && frames.lost) {
    w.key("lost").begin_object().key("first").raw(std::to_string(frames.lost->first));
    w.key("last").raw(std::to_string(frames.lost->last)).end_object();
  }
  const std::byte* at = frames.data.data() + f * bytes;
  w.key("values");
  if (bytes / size <= kMostValues) {
    w.begin_array();
    for (std::size_t i = 0; i < bytes; i += size) write_value(w, at + i, frames.dtype);
    w.end_array();
  } else {
    w.null().key("dtype").string(name_of(frames.dtype)).key("dims");
    write_dims(w, frames.dims);
    w.key("base64");
    if (bytes <= kMostInline) {
      w.string(base64({reinterpret_cast<const char*>(at), bytes}));
    } else {
      w.null();
    }
  }
  w.end_object();
  return w.take();
}

std::string frame_events(const std::string& sensor_id, const messages::Frames& frames) {
  std::string out;
  for (std::size_t f = 0; f < frames.heads.size(); ++f) {
    out += "id: " + std::to_string(frames.heads[f].seq) + "\ndata: " + frame_json(sensor_id, frames, f) + "\n\n";
  }
  return out;
}

const messages::SensorEntry* find_sensor(const messages::Snapshot& snapshot, std::string_view id) {
  for (const auto& sensor : snapshot.sensors) {
    if (sensor.entry && sensor.entry->sensor && sensor.entry->name == id) return &*sensor.entry->sensor;
  }
  return nullptr;
}

Error unknown_sensor(const std::string& id, const messages::Snapshot& snapshot) {
  return {Errc::not_found,
          fmt::format("there is no sensor \"{}\": known are {}", id.substr(0, 200), known_sensors(snapshot)),
          "sensor_id",
          {}};
}

std::string known_sensors(const messages::Snapshot& snapshot) {
  std::string out;
  for (const auto& sensor : snapshot.sensors) {
    if (sensor.entry) out += (out.empty() ? "" : ", ") + sensor.entry->name;
  }
  return out.empty() ? "none" : out;
}

}  // namespace zenith::gateway
