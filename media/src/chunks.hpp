// Sound without end to pieces of at most 30 s that begin and end in pauses. Plain: it is told how likely each window is
// speech.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "zenith/media/voice_activity.hpp"

namespace zenith::media {

struct Chunk {
  std::uint64_t start = 0;  ///< samples since the beginning of the sound
  std::vector<float> samples;
  std::vector<float> speech;  ///< probability for each window of kActivityWindow samples

  /// Windows of speech from sample `from` on.
  std::size_t spoken_windows(std::size_t from = 0) const noexcept;
};

/// Holds at most 30 s. One thread.
class Chunker {
 public:
  static constexpr float kSpeech = 0.5F,
                         kPause = 0.35F;  ///< a window is speech from the one on, a pause below the other

  /// @param window up to kActivityWindow samples; only the last of a sound may have fewer.
  /// @returns a chunk that ended with it.
  std::optional<Chunk> push(std::span<const float> window, float speech);
  /// The sound is over.
  std::optional<Chunk> finish();

 private:
  Chunk take(std::size_t windows);
  void keep_last(std::size_t windows);
  std::size_t best_cut() const noexcept;

  Chunk open_;             ///< while nobody speaks: the sound just before
  bool speaking_ = false;  ///< a chunk has begun
  std::size_t pause_ = 0;  ///< windows since speech
};

}  // namespace zenith::media
