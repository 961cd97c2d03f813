// A graph with one f32 input and one f32 output, in OpenVINO on the thread that calls it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "zenith/core/error.hpp"

namespace zenith::media {

/// Rows of equal shape for a graph: f32, dense.
struct Batch {
  std::vector<std::size_t> shape;  ///< slowest first
  std::vector<float> values;       ///< as many as the shape has
};

/// One thread at a time.
class OnnxGraph {
 public:
  using Take = std::function<Status(std::span<const std::size_t> shape, std::span<const float> values)>;

  /// @param cache a folder for compiled graphs; empty: none. @returns bad_file naming the file.
  static Expected<std::unique_ptr<OnnxGraph>> load(const std::filesystem::path& onnx,
                                                   const std::filesystem::path& cache);
  virtual ~OnnxGraph() = default;
  /// A text of the file's own metadata; empty when it has none of that key.
  virtual const std::string& metadata(const std::string& key) const = 0;
  /// `take` sees the output while it lasts. @returns its status, or internal with OpenVINO's reason.
  virtual Status run(const Batch& input, const Take& take) = 0;
};

}  // namespace zenith::media
