// Who serves what, and how it is: the directory's view, also what /readyz and /v1/models show.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "zenith/core/ids.hpp"
#include "zenith/messages/sensor.hpp"

namespace zenith::messages {

enum class Role : std::uint8_t { gateway, router, text, expert, vision, voice, sensor };
enum class Health : std::uint8_t { loading, ready, draining, failed };

struct ServiceStatus {
  Role role = Role::text;
  std::string id;
  Health health = Health::loading;
  std::string model;     ///< empty when the role has none
  std::string detail;    ///< for people: "62 % loaded", "restarted twice, last error …"
  bool suspect = false;  ///< it has been silent for a while with work open: others are preferred
};

enum class ModelKind : std::uint8_t { generate, embed, speech, transcription, vision, sensor };

struct ModelEntry {
  std::string name;
  ModelKind kind = ModelKind::generate;
  std::string alias_of;  ///< empty = a model itself
  std::vector<std::string> input_modalities, output_modalities;
  std::uint32_t context_length = 0;
  std::string license, architecture;
  Generation generation;
  std::int64_t created_unix_seconds = 0;
  std::vector<std::string> voices{};    ///< of a speech model; the first is its own
  std::string language{};               ///< of its voices, as BCP 47 has it; empty: not said
  std::uint32_t sample_rate = 0;        ///< Hz, of speech; else 0
  std::optional<SensorEntry> sensor{};  ///< of a sensor, which has the place of a model: its name is the sensor's id
};

/// A sensor, or without an entry the process of a plugin.
struct SensorStatus {
  ServiceStatus status;
  std::optional<ModelEntry> entry;
};

struct Snapshot {
  std::vector<ServiceStatus> services;
  std::vector<ModelEntry> models;       ///< without sensors
  std::vector<SensorStatus> sensors{};  ///< they do not count for `overall`
  Health overall = Health::loading;
};

}  // namespace zenith::messages
