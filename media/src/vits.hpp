// Piper's graph: phoneme ids in, samples out. The seam for a graph that is split into encoder and decoder: such a one
// calls `take` for each window of frames.
#pragma once

#include <array>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>

#include "zenith/core/error.hpp"

namespace zenith::media {

struct VitsScales {
  float noise = 0.667F, length = 1, noise_w = 0.8F;
};

class Vits {
 public:
  /// @returns bad_file naming the graph and what it lacks.
  static Expected<std::unique_ptr<Vits>> load(const std::filesystem::path& onnx, const std::filesystem::path& cache);
  virtual ~Vits() = default;
  /// @param take gets samples in -1 … 1; false stops. @returns internal with the runtime's reason.
  virtual Status run(std::span<const std::int64_t> ids, const VitsScales& scales,
                     const std::function<bool(std::span<const float>)>& take) = 0;
};

}  // namespace zenith::media
