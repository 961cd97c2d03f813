// Silero's voice activity detector, 16 kHz, natively: is somebody speaking in this 32 ms?
#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <span>

#include "zenith/core/error.hpp"
#include "zenith/models/weights/weight_source.hpp"

namespace zenith::models {

/// The weights, transposed once for reading along outputs; shared by every stream. Immutable after loading; any thread.
struct SileroWeights;

/// One stream's detector: its memory is the last 64 samples and an LSTM state of 128. One thread at a time.
/// The graph (wheel silero-vad 6.2.3): 64 samples of context + 512, 64 reflected at the right; STFT by convolution
/// (256, stride 128), magnitude; four convolutions of width 3 with ReLU; LSTM cell; ReLU; a weighted sum; sigmoid.
class SileroVad {
 public:
  static constexpr std::size_t kFrame = 512, kContext = 64, kHidden = 128;
  static constexpr std::uint32_t kSampleRate = 16000;

  explicit SileroVad(std::shared_ptr<const SileroWeights> weights) : weights_(std::move(weights)) {}

  /// @param samples -1 … 1, the 512 that follow those of the call before. @returns the probability of speech, 0 … 1.
  /// Tolerance: 1e-4 against the wheel's ONNX graph with
  /// these weights through onnxruntime (the wheel's ONNX files hold other weights).
  float probability(std::span<const float, kFrame> samples) noexcept;
  /// As if nothing had been heard.
  void reset() noexcept;

 private:
  std::shared_ptr<const SileroWeights> weights_;
  std::array<float, kContext> context_{};
  std::array<float, kHidden> hidden_{}, cell_{};
};

/// silero_vad_16k.safetensors. @returns io when it cannot be opened, bad_file naming a tensor that is missing, has
/// another shape or dtype, or is not finite.
Expected<std::shared_ptr<const SileroWeights>> load_silero_vad(const std::filesystem::path& file);
Expected<std::shared_ptr<const SileroWeights>> silero_weights(const WeightSource& source);

}  // namespace zenith::models
