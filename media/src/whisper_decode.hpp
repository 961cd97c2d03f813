// One window of sound to tokens: prompt, rules, a draw for each token, and another try when the text looks wrong.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "whisper_config.hpp"
#include "whisper_net.hpp"
#include "zenith/core/error.hpp"

namespace zenith::media {

struct DecodeOptions {
  TokenId language = -1;
  std::vector<TokenId> prompt;  ///< what was said before, or how words are spelled; its last 223 tokens are used
  float temperature = 0;        ///< of the first try; each further one has 0.2 more, up to 1
  std::uint64_t seed = 0;       ///< of draws above temperature 0
};

/// The thresholds are openai/whisper's.
inline constexpr double kMostCompressed = 2.4, kLeastLogprob = -1.0, kNoSpeech = 0.6;

/// Of a text of more than some words in a short window: what is heard less surely is heard again in 30 s.
inline constexpr double kLeastShortLogprob = -0.5;

struct Decoded {
  std::vector<TokenId> tokens;  ///< text and timestamps, without the end
  double avg_logprob = 0, no_speech_prob = 0, compression_ratio = 0;
  float temperature = 0;
  bool silent = false;  ///< likelier no speech than these words
  bool ended = false;   ///< by the model, not for want of room
};

/// False: nobody wants the text any more. Asked before each step.
using GoOn = std::function<bool()>;

/// @pre the net has encoded the window. @returns cancelled, or the net's error.
Expected<Decoded> decode_window(WhisperNet& net, const WhisperVocabulary& vocabulary, const DecodeOptions& options,
                                const GoOn& go_on);

/// One try at options.temperature, for a window shorter than 30 s, in which whisper may lose itself.
/// @param seconds of sound in the window. @returns none when the text looks wrong: it repeats itself, is unlikely, does
/// not end, or goes on after the sound; otherwise as above.
Expected<std::optional<Decoded>> decode_short(WhisperNet& net, const WhisperVocabulary& vocabulary,
                                              const DecodeOptions& options, double seconds, const GoOn& go_on);

struct DetectedLanguage {
  std::string code;  ///< "en"
  float probability = 0;
};
/// @pre as above.
Expected<DetectedLanguage> detect_language(WhisperNet& net, const WhisperVocabulary& vocabulary);

}  // namespace zenith::media
