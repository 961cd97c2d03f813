// Models that speak, each one ONNX graph, run by OpenVINO on one thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "zenith/core/error.hpp"

namespace zenith::media {

struct VoiceInfo {
  std::uint32_t sample_rate = 0;    ///< Hz
  std::vector<std::string> voices;  ///< at least one; the first is the default
  std::string language;             ///< that it reads, as BCP 47 has it
  std::string architecture;
  std::uint64_t generation = 0;  ///< a hash of graph and configuration
};

/// Takes a piece of a sentence, s16 mono. @returns false: make no more of it.
using TakeSamples = std::function<bool(std::vector<std::int16_t> samples)>;

/// One thread at a time.
class Voice {
 public:
  virtual ~Voice() = default;
  virtual const VoiceInfo& info() const noexcept = 0;
  /// Speaks one sentence, given as text, in one piece or several: Piper's come in windows, so that the first is soon
  /// there.
  /// @param voice one of info().voices. @param speed 0.25 … 4; 1 as the voice was recorded.
  /// @returns unsupported when nothing of it can be spoken.
  virtual Status speak(std::string_view sentence, std::string_view voice, float speed, const TakeSamples& take) = 0;
};

/// @param onnx the graph; its configuration lies beside it as `<onnx>.json`.
/// @param cache a folder for compiled graphs; empty: none. Loading takes about 0.8 s of a core with it, 5 s without.
/// @returns not_found, bad_file naming the file and what is wrong with it.
Expected<std::unique_ptr<Voice>> load_piper(const std::filesystem::path& onnx, const std::filesystem::path& cache);

/// @param onnx the graph; `vocab.json` and `voices.npz` lie beside it. @param cache and errors as load_piper.
Expected<std::unique_ptr<Voice>> load_kokoro(const std::filesystem::path& onnx, const std::filesystem::path& cache);

}  // namespace zenith::media
