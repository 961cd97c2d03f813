// Any container and codec that FFmpeg reads, to one channel of samples at a wanted rate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "zenith/core/error.hpp"

namespace zenith::media {

struct AudioLimits {
  double seconds = 24 * 3600;  ///< of sound, claimed or decoded
};

/// Reads the first (best) audio track of a file in memory, piece by piece: what it holds at once is a packet, not the
/// file's sound. It opens nothing else: no file, no address that the bytes may name. One thread.
class AudioReader {
 public:
  /// @param bytes the file; outlives the reader. @param rate Hz, 8000 … 48000.
  /// @returns invalid_argument (param "file"): empty, no known format, no audio track, no decoder, or it claims to be
  /// longer than the limit.
  static Expected<std::unique_ptr<AudioReader>> open(std::span<const std::byte> bytes, std::uint32_t rate,
                                                     AudioLimits limits = {});
  virtual ~AudioReader() = default;
  /// Appends the next samples, f32 in about -1 … 1. @returns false at the end, with nothing appended: a file that
  /// breaks off ends there, whatever its head says. invalid_argument when it has no sound in it or goes on beyond the
  /// limit.
  virtual Expected<bool> read(std::vector<float>& samples) = 0;
};

}  // namespace zenith::media
