// What travels from the gateway to the router and on to services. Plain data: no JSON, no CAF, no sockets.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "zenith/core/clock.hpp"
#include "zenith/core/ids.hpp"
#include "zenith/core/sampling.hpp"
#include "zenith/core/tensor.hpp"
#include "zenith/core/value.hpp"
#include "zenith/messages/header.hpp"

namespace zenith::messages {

struct ChatMessage {
  std::string role;  ///< system, developer, user, assistant, tool
  std::vector<std::string> text_parts;
  std::string name;               ///< empty if none
  std::string reasoning_content;  ///< of an earlier assistant turn
};

struct Chat {
  std::vector<ChatMessage> messages;
  Value::Object template_kwargs;
  std::string reasoning_effort;  ///< empty = the template's default
};
using Prompt = std::variant<Chat, std::string, std::vector<TokenId>>;

/// What the client has of one choice when an earlier attempt was lost. The next attempt computes it anew, sends nothing
/// of it, and goes on as if nothing had happened.
struct Resume {
  std::vector<TokenId> tokens;  ///< of all its deltas, in order
  bool echoed = false;          ///< a delta came, and the echo, if one was asked for, with it
  bool ended = false;           ///< its ChoiceEnd came: it is not run again, and only its counts matter
  std::uint32_t completion_tokens = 0, reasoning_tokens = 0;  ///< as that ChoiceEnd had them
};

/// A picture in a chat; its text is read by the vision service.
struct ImagePart {
  Buffer image;  ///< the file's bytes
};
/// A window of a sensor in a chat; its digest is made by the sensor's service.
struct SensorPart {
  std::string sensor_id;
  std::chrono::milliseconds window{0};  ///< 1 ms … kLongestWindow
};
/// Speech in a chat: its words are heard by the voice service, and stand for it as if they had been typed.
struct AudioPart {
  Buffer audio;  ///< a file of sound, whole
};
/// A part of a chat that another service has to turn into text first. Its place in messages[message].text_parts[part]
/// is kept by an empty text.
struct StagedPart {
  std::uint32_t message = 0, part = 0;
  std::variant<ImagePart, SensorPart, AudioPart> what;
};

/// One generation with `n` choices. The credit window bounds what waits for a slow client: the service sends at most
/// `credit_events` events beyond those granted, then the sequence pauses.
struct Generate {
  Header header;
  std::string model;  ///< name or alias; resolved by the directory
  Prompt prompt;
  SamplingParams sampling;
  std::uint32_t choices = 1;                ///< `n`
  std::optional<std::uint32_t> max_tokens;  ///< absent: up to the context
  std::vector<std::string> stop;
  bool logprobs = false;
  std::uint32_t top_logprobs = 0;
  bool echo = false;  ///< completions: the prompt's text comes first
  std::uint32_t credit_events = 256;

  // What makes every attempt draw the same. The first attempt's session fixes sampling.seed and the time; the others
  // add what came of it.
  std::int64_t now_unix_seconds = 0;  ///< the time that templates see; 0: the service's own clock
  std::vector<Resume> resume;         ///< one for each choice; empty on the first attempt
  std::uint32_t credit_spent = 0;     ///< of the window, at the start: what the client has not taken yet

  /// Of a chat, in the order of its parts. The session has them read and puts their text into the prompt: no text
  /// service gets any.
  std::vector<StagedPart> staged{};

  /// The model that shall speak the answer; empty: none. Who asked has it spoken; the session sees to it that nothing
  /// begins when nobody could, and no text service gets it.
  std::string speaker{};
};

/// How speech comes: as samples, or as a file that is written while it is made.
enum class AudioFormat : std::uint8_t { samples, mp3, opus, flac, aac };

/// Text to speech. The answer is a stream: Audio or AudioBytes by the format, then Finished; the window bounds it as
/// Generate's does.
struct Speak {
  Header header;
  std::string model;  ///< name or alias
  std::string input;  ///< what to say
  std::string voice;  ///< one of the model's; empty: its first
  float speed = 1;    ///< 0.25 … 4
  std::uint32_t credit_events = 16;
  AudioFormat format = AudioFormat::samples;
};

/// Embeddings of one or more inputs.
struct Embed {
  Header header;
  std::string model;
  std::vector<std::variant<std::string, std::vector<TokenId>>> inputs;
};

struct Tokenize {
  Header header;
  std::string model, content;
  bool add_special = false, parse_special = false;
};
struct Detokenize {
  Header header;
  std::string model;
  std::vector<TokenId> tokens;
};
struct ApplyTemplate {
  Header header;
  std::string model;
  Chat chat;
  bool add_generation_prompt = true;
};

/// Speech to text: one answer, a Transcript.
struct Transcribe {
  Header header;
  std::string model;      ///< name or alias
  Buffer audio;           ///< a file of sound or video, whole, at most kMostAudioFile bytes
  std::string language;   ///< ISO 639-1 or an English name; empty: the model finds out
  std::string prompt;     ///< words and spellings to expect; empty: none
  float temperature = 0;  ///< 0 … 1
};
inline constexpr std::size_t kMostAudioFile = std::size_t{256} << 20;

}  // namespace zenith::messages
