// Piper's graph: phoneme ids in, samples out.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "zenith/core/error.hpp"

namespace zenith::media {

struct VitsScales {
  float noise = 0.667F, length = 1, noise_w = 0.8F;
};

/// A part of a sentence's frames as the decoder sees it, and what of its sound is kept.
struct FrameWindow {
  std::size_t first = 0, frames = 0;  ///< of the sentence
  std::size_t skip = 0, keep = 0;     ///< of the window
};

/// Windows that keep every frame once, in order. Beside what is kept lie 16 frames that the decoder has to see, or the
/// sentence's end, so the sound is that of the whole. The first window is short: that is the wait for the first sound.
/// Sizes are multiples of 32, for OpenVINO prepares itself for each new one; fewer than 64 frames are one window.
std::vector<FrameWindow> decode_windows(std::size_t frames);

/// What the flow, which sees 32 frames on both sides, runs over to have the frames from `done` up to `until`.
/// @pre done < until <= frames, the sentence's.
FrameWindow flow_window(std::size_t done, std::size_t until, std::size_t frames);

/// One thread at a time.
class Vits {
 public:
  /// Parted into what plans a sentence, and its flow and its sound, which run in windows. A graph that has another
  /// shape is run whole.
  /// @returns bad_file naming the graph and what it lacks.
  static Expected<std::unique_ptr<Vits>> load(const std::filesystem::path& onnx, const std::filesystem::path& cache);
  /// Always whole: a sentence is one piece.
  static Expected<std::unique_ptr<Vits>> load_whole(const std::filesystem::path& onnx,
                                                    const std::filesystem::path& cache);
  virtual ~Vits() = default;
  /// @param take gets samples in -1 … 1, piece by piece; false stops. @returns internal with the runtime's reason.
  virtual Status run(std::span<const std::int64_t> ids, const VitsScales& scales,
                     const std::function<bool(std::span<const float>)>& take) = 0;
};

}  // namespace zenith::media
