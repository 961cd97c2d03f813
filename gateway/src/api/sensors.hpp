// Sensors in JSON, and their parameters.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "http/query.hpp"
#include "json/write.hpp"
#include "zenith/messages/directory.hpp"
#include "zenith/messages/sensor.hpp"

namespace zenith::gateway {

/// "500ms", "30s", "2m", "1.5": seconds without a unit. @returns invalid_argument naming `field`.
Expected<std::chrono::milliseconds> read_duration(std::string_view text, const std::string& field);

/// since and rate of the query, or the header Last-Event-ID for since: `from` and `rate_hz` of the request.
Expected<messages::Watch> read_watch(const Query& query, const std::string* last_event_id);

/// As /v1/sensors lists it.
void write_sensor(JsonWriter& w, const messages::SensorStatus& sensor);
void write_window(JsonWriter& w, const messages::Window& window);

inline constexpr std::size_t kMostValues = 4096;                  ///< of a frame; what has more is base64…
inline constexpr std::size_t kMostInline = std::size_t{1} << 20;  ///< …up to so many bytes; of more only dtype and dims

/// Frame `f` of `frames` as an object of JSON.
std::string frame_json(const std::string& sensor_id, const messages::Frames& frames, std::size_t f);
/// An event of a stream for each frame: id and data.
std::string frame_events(const std::string& sensor_id, const messages::Frames& frames);

/// What a sensor measures; null: there is none with this id. Lives as long as the snapshot.
const messages::SensorEntry* find_sensor(const messages::Snapshot& snapshot, std::string_view id);
/// There is no such sensor: which ones there are.
Error unknown_sensor(const std::string& id, const messages::Snapshot& snapshot);

/// Ids of the sensors, for messages: "host.cpu, host.load".
std::string known_sensors(const messages::Snapshot& snapshot);

}  // namespace zenith::gateway
