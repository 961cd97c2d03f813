// Which of the 1500 positions of its 30 s whisper's encoder computes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace zenith::media {

/// Whisper learnt from 30 s, and takes the silence behind short sound into account: cut off, its words change. So each
/// position of the sound and of half a second more is computed, and of the silence behind only some, fewer the
/// later they are, of which each stands for its neighbours in every attention.
struct WhisperWindow {
  std::vector<std::int64_t> places;  ///< ascending; an even number of 10 ms frames of mel each
  std::vector<float> weights;  ///< for each place: what attention adds to its scores, log(positions it stands for)

  std::size_t frames() const noexcept { return places.size() * 2; }
  bool whole() const noexcept;
};

WhisperWindow whole_window();
/// @param samples of sound at 16 kHz. The number of places is a multiple of 50: OpenVINO prepares itself for each new
/// one. @returns the whole window for what is too long to save anything.
WhisperWindow window_of(std::size_t samples);

}  // namespace zenith::media
