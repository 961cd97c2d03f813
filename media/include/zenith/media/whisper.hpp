// Whisper: a file of speech to text with times.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "zenith/core/error.hpp"
#include "zenith/core/sampling.hpp"
#include "zenith/media/audio.hpp"

namespace zenith::media {

struct HearOptions {
  std::string language;   ///< a code ("en") or an English name ("english"); empty: detected in the first 30 s of speech
  std::string prompt;     ///< UTF-8: words and spellings to expect; read before each piece of sound
  float temperature = 0;  ///< 0 … 1: of the first try of each piece; tries that look wrong are repeated 0.2 warmer
  AudioLimits limits{};
};

struct HeardSegment {
  double start = 0, end = 0;  ///< seconds
  std::string text;           ///< as whisper writes it: with the space that parts it from what came before
  std::vector<TokenId> tokens;
  double avg_logprob = 0, no_speech_prob = 0, compression_ratio = 0;
  float temperature = 0;
};

struct Heard {
  std::string language;  ///< its English name, lower case; empty: nobody speaks and none was given
  double duration = 0;   ///< seconds of sound
  std::vector<HeardSegment> segments;
};

struct WhisperInfo {
  std::uint64_t generation = 0;  ///< a hash of weights and vocabulary
  std::string architecture;      ///< "whisper"
};

/// One thread at a time.
class Whisper {
 public:
  /// @param folder model.bin (CTranslate2's), config.json, tokenizer.json, vocabulary.txt. @param activity silero's
  /// file for pauses. @param cache a folder for compiled graphs; empty: none.
  /// @returns not_found, bad_file naming the file and what is wrong with it.
  static Expected<std::unique_ptr<Whisper>> load(const std::filesystem::path& folder,
                                                 const std::filesystem::path& activity,
                                                 const std::filesystem::path& cache);
  virtual ~Whisper() = default;
  virtual const WhisperInfo& info() const noexcept = 0;
  /// @param file any audio or video file, whole. @param go_on is asked before each step; false stops.
  /// @returns cancelled; invalid_argument naming the option or, for what is wrong with the sound, "file".
  virtual Expected<Heard> hear(std::span<const std::byte> file, const HearOptions& options,
                               const std::function<bool()>& go_on) = 0;
};

}  // namespace zenith::media
