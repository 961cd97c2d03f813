// Piper's graph taken apart and made fit for OpenVINO.
#pragma once

#include <filesystem>
#include <memory>
#include <openvino/openvino.hpp>
#include <optional>

namespace zenith::media {

/// One sentence's way. A frame is 256 samples of most voices.
struct VitsParts {
  std::shared_ptr<ov::Model> plan;   ///< ids, their number and three scales → drawn frames f32 [1, channels, frames]
  std::shared_ptr<ov::Model> flow;   ///< drawn frames → frames; each depends on 32 on both sides
  std::shared_ptr<ov::Model> sound;  ///< frames → samples; each depends on 16 on both sides
};

/// @returns none when the graph has no such places or more than the frames crosses them. May throw what OpenVINO does.
std::optional<VitsParts> part_vits(const std::filesystem::path& onnx);

/// Replaces transposed convolutions that enlarge s times with kernels of 2s by convolutions of three taps that make s
/// samples for one, and a shuffle: the same sums, for which OpenVINO has faster code (the sound of 320 frames takes 209
/// ms instead of 281 on AVX2).
void enlarge_by_shuffle(ov::Model& model);

}  // namespace zenith::media
