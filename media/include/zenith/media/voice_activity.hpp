// Is somebody speaking? Silero's network, 32 ms at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include "zenith/core/error.hpp"

namespace zenith::media {

inline constexpr std::size_t kActivityWindow = 512;    // samples
inline constexpr std::uint32_t kActivityRate = 16000;  // Hz

/// One stream of sound: what it heard before counts. One thread at a time.
class VoiceActivity {
 public:
  virtual ~VoiceActivity() = default;
  /// @param window the next kActivityWindow samples, f32 in -1 … 1. @returns the probability of speech in them, or
  /// internal with the runtime's reason.
  virtual Expected<float> next(std::span<const float> window) = 0;
  /// Begins a new stream.
  virtual void reset() = 0;
};

/// The network, shared by its streams; those of one model may run on different threads.
class VoiceActivityModel {
 public:
  /// @param onnx a silero file with the inputs `input` and `state`. @param cache a folder for compiled graphs; may be
  /// empty. @returns not_found, bad_file naming the file.
  static Expected<std::unique_ptr<VoiceActivityModel>> load(const std::filesystem::path& onnx,
                                                            const std::filesystem::path& cache);
  virtual ~VoiceActivityModel() = default;
  virtual std::unique_ptr<VoiceActivity> stream() = 0;
};

}  // namespace zenith::media
