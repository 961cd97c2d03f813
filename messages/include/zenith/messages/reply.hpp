// What comes back: a stream of events for a generation, one reply for the rest.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "zenith/core/error.hpp"
#include "zenith/core/ids.hpp"
#include "zenith/core/sampling.hpp"
#include "zenith/messages/receipt.hpp"
#include "zenith/messages/sensor.hpp"

namespace zenith::messages {

enum class FinishReason : std::uint8_t { stop, length };

struct LogprobEntry {
  TokenId token = -1;
  std::string bytes;  ///< of the token; may be part of a character
  float logprob = 0;
};
struct TokenLogprobs {
  LogprobEntry picked;
  std::vector<LogprobEntry> top;
};

/// Admitted and tokenised.
struct Started {
  std::uint32_t prompt_tokens = 0;
};
/// Text of one choice; always valid UTF-8. Logprobs and tokens are of those since the choice's last delta: a token
/// whose text is held back comes with the delta that brings text again.
struct Delta {
  std::uint32_t choice = 0;
  std::string content, reasoning;
  std::vector<TokenLogprobs> logprobs;
  std::vector<TokenId> tokens{};  ///< what a later attempt needs to go on from here; clients do not see them
};
/// Tokens are counted over the whole choice, those without text and the end token included.
struct ChoiceEnd {
  std::uint32_t choice = 0;
  FinishReason reason = FinishReason::stop;
  std::uint32_t completion_tokens = 0, reasoning_tokens = 0;
};
struct Usage {
  std::uint32_t prompt_tokens = 0, completion_tokens = 0, cached_tokens = 0, reasoning_tokens = 0;
};
struct Timings {
  std::uint32_t prompt_n = 0, predicted_n = 0, cache_n = 0;
  double queue_ms = 0, prompt_ms = 0, predicted_ms = 0;
};
/// The last event of a generation that went well.
struct Finished {
  Usage usage;
  Timings timings;
  std::vector<std::string> modality_path{};  ///< what was done before the text service: "ocr"; each once
};

/// A piece of speech: s16, one channel, in order, at most kMostSamples.
struct Audio {
  std::uint32_t sample_rate = 0;  ///< Hz; the same in every piece of an answer
  std::vector<std::int16_t> samples;
};
inline constexpr std::size_t kMostSamples = std::size_t{1} << 16;

/// The next bytes of an encoded file of speech, at most kMostAudioBytes.
struct AudioBytes {
  std::vector<std::uint8_t> bytes;
};
inline constexpr std::size_t kMostAudioBytes = std::size_t{1} << 18;

/// In order: Started, (Delta | ChoiceEnd)*, Finished; of a Speak: (Audio | AudioBytes)*, Finished; of a Watch:
/// Frames*, Finished. An Error may come at any point and is last. Exactly one of Finished and Error comes.
using Event = std::variant<Started, Delta, ChoiceEnd, Finished, Error, Audio, AudioBytes, Frames>;
inline bool is_last(const Event& e) noexcept {
  return std::holds_alternative<Finished>(e) || std::holds_alternative<Error>(e);
}

struct Embeddings {
  std::vector<std::vector<float>> vectors;  ///< in the order of the inputs, L2-normalised
  std::uint32_t prompt_tokens = 0;
  Spent spent{};
};
struct Tokens {
  std::vector<TokenId> tokens;
  Spent spent{};
};
struct Text {
  std::string text;
  Spent spent{};
};

/// A piece of a transcript, about a sentence.
struct TranscriptSegment {
  double start = 0, end = 0;    ///< seconds
  std::string text;             ///< with the space that parts it from what came before
  std::vector<TokenId> tokens;  ///< of the model, its marks for times among them
  float avg_logprob = 0, no_speech_prob = 0, compression_ratio = 0, temperature = 0;
};
struct Transcript {
  std::string language;  ///< its English name, lower case; empty: nobody speaks and none was asked for
  double duration = 0;   ///< seconds of sound
  std::vector<TranscriptSegment> segments;
  Spent spent{};
};

}  // namespace zenith::messages
