// What a conversation wants done: plain data, in order.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "zenith/messages/reply.hpp"
#include "zenith/messages/request.hpp"

namespace zenith::gateway::realtime {

using TaskId = std::uint64_t;  ///< of one request to a service; never 0, never used again

/// An event to the client.
struct Say {
  std::string json;
  bool audio = false;  ///< DropAudio takes it back while it has not gone out
  TaskId credit = 0;   ///< once it has gone out, that task may send one event more; 0: none
};
struct BeginTranscription {
  TaskId id = 0;
  std::string model, language;        ///< empty: the first that transcribes; found out
  std::vector<std::int16_t> samples;  ///< 16 kHz
};
struct BeginGeneration {
  TaskId id = 0;
  messages::Generate request;  ///< without header
};
struct BeginSpeech {
  TaskId id = 0;
  messages::Speak request;  ///< without header
};
struct Grant {
  TaskId id = 0;
};
struct Cancel {
  TaskId id = 0;  ///< nothing more of it is wanted
};
struct DropAudio {};
struct ResponseBegan {};
struct ResponseEnded {
  int http_status = 200;  ///< what a request with that end would have had
  std::uint64_t tokens = 0;
};
using Effect = std::variant<Say, BeginTranscription, BeginGeneration, BeginSpeech, Grant, Cancel, DropAudio,
                            ResponseBegan, ResponseEnded>;

/// What comes back of a transcription: Heard*, then Transcribed or an Error.
struct Heard {
  std::string text;  ///< what follows
};
struct Transcribed {
  std::string text;  ///< all
};
using TranscriptEvent = std::variant<Heard, Transcribed, Error>;

}  // namespace zenith::gateway::realtime
