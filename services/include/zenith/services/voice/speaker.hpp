// What makes speech, as the voice service sees it. The media module implements it in the process that links its
// libraries; tests put a scripted one here.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "zenith/core/error.hpp"
#include "zenith/core/ids.hpp"
#include "zenith/messages/request.hpp"

namespace zenith::services {

struct SpeakerInfo {
  std::uint32_t sample_rate = 0;    ///< Hz
  std::vector<std::string> voices;  ///< at least one; the first is the default
  std::string language;             ///< as BCP 47 has it
  Generation generation{};
  std::string architecture{};
};

/// One thread at a time.
class Speaker {
 public:
  virtual ~Speaker() = default;
  virtual const SpeakerInfo& info() const noexcept = 0;
  /// Speaks one sentence. `take` gets s16 mono pieces as they are made; once it returns false no more come.
  /// @returns unsupported when nothing of the sentence can be spoken.
  virtual Status speak(const std::string& sentence, const std::string& voice, float speed,
                       const std::function<bool(std::vector<std::int16_t>)>& take) = 0;
};

/// Makes a file of what is spoken, while it is spoken. One thread at a time.
class SpeechEncoder {
 public:
  virtual ~SpeechEncoder() = default;
  /// @returns the bytes that are ready, often none.
  virtual Expected<std::vector<std::uint8_t>> take(std::span<const std::int16_t> samples) = 0;
  /// @returns the rest of the file.
  virtual Expected<std::vector<std::uint8_t>> finish() = 0;
};

/// @param format any but samples. @returns unsupported when the process cannot write it.
using EncoderFactory =
    std::function<Expected<std::unique_ptr<SpeechEncoder>>(messages::AudioFormat format, std::uint32_t sample_rate)>;

}  // namespace zenith::services
