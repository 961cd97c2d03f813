// Samples as a file that is written while they come: MP3, Ogg Opus, FLAC, AAC (ADTS).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "zenith/core/error.hpp"

namespace zenith::media {

enum class AudioCodec : std::uint8_t { mp3, opus, flac, aac };

/// One stream; one thread. After an error nothing but the destructor.
class AudioEncoder {
 public:
  /// @param sample_rate Hz, of one channel; resampled where the codec does not know it (Opus).
  /// @returns unsupported when this build of FFmpeg lacks the encoder.
  static Expected<std::unique_ptr<AudioEncoder>> open(AudioCodec codec, std::uint32_t sample_rate);
  virtual ~AudioEncoder() = default;
  /// @returns what can be sent now, often nothing: codecs work in frames of 20 to 200 ms.
  virtual Expected<std::vector<std::uint8_t>> take(std::span<const std::int16_t> samples) = 0;
  /// @returns the rest of the file.
  virtual Expected<std::vector<std::uint8_t>> finish() = 0;
};

}  // namespace zenith::media
