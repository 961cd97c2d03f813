// What a session is set to: session.update in, the session object out.
#pragma once

#include <optional>
#include <string>

#include "json/write.hpp"
#include "realtime/audio.hpp"
#include "realtime/fields.hpp"
#include "realtime/turns.hpp"
#include "zenith/messages/directory.hpp"

namespace zenith::gateway::realtime {

struct TranscriptionConfig {
  std::string model;     ///< empty: the first service that transcribes
  std::string language;  ///< empty: found out
};

struct OutputConfig {
  bool audio = true;  ///< else text
  Encoding encoding = Encoding::pcm;
  std::string voice;  ///< as the client named it; empty: the first model's own
  std::optional<std::uint32_t> max_tokens;
  std::string instructions;
};

struct Config {
  OutputConfig output;  ///< what a response starts from
  float speed = 1;
  Encoding input = Encoding::pcm;
  std::optional<TranscriptionConfig> transcription;
  std::optional<ServerVad> vad = ServerVad{};
  bool truncate = true;  ///< what does not fit the context is left out, oldest first; else such a response fails
};

inline constexpr std::size_t kMostInstructions = std::size_t{256} << 10;

/// What this server has when the event comes.
struct Available {
  std::string model;          ///< of the session
  bool activity = false;      ///< a voice activity detector
  messages::Snapshot models;  ///< for voices and models that are named
};

/// The members of `session` over `config`. @returns a problem naming the field; `config` is as it was then.
Read<void> update(Config& config, const Node& session, const Available& available);

/// `response.output_modalities`, `.max_output_tokens`, `.instructions`, `.audio.output` over `output`: what a response
/// shares with the session.
Read<void> read_output(OutputConfig& output, const Node& node, const Available& available);

/// Which model has that voice, and how the model calls it; stock names mean the first model's own.
/// @returns not_found when nothing here speaks, invalid_argument naming the voices.
struct Voice {
  std::string model, name;
};
Expected<Voice> find_voice(const messages::Snapshot& models, const std::string& voice);

/// The session object, whole.
void write_session(JsonWriter& w, const std::string& id, const std::string& model, const Config& config);
/// "max_output_tokens" and "audio.output" as sessions and responses have them.
void write_format(JsonWriter& w, Encoding encoding);
void write_max_tokens(JsonWriter& w, const OutputConfig& output);

}  // namespace zenith::gateway::realtime
