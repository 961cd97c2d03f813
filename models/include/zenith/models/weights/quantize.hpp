// A GGUF file with its weights in another type.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "zenith/core/dtype.hpp"
#include "zenith/core/error.hpp"
#include "zenith/kernels/thread_pool.hpp"
#include "zenith/models/weights/weight_source.hpp"

namespace zenith::models {

struct QuantizeOptions {
  DType type = DType::q8_0;
  bool pure = false;              ///< the head too gets `type`
  bool allow_requantize = false;  ///< weights that are quantised already may be quantised again
};

/// What becomes of one tensor.
struct TensorPlan {
  TensorView from;
  DType to = DType::f32;
  bool fell_back = false;  ///< its rows are no multiple of the block that the rule asks for
};

/// What each tensor of `source` becomes, in the file's order, as llama.cpp's quantiser decides it:
/// - kept: fewer than two dimensions, names that do not end in "weight", integers, norms, expert gates, position and
///   type embeddings, convolutions and low-rank mixing of state-space models, relative position biases;
/// - the head ("output.weight", else "token_embd.weight", which then serves as both) is Q6_K under a block type below
///   Q8_0, unless `pure`;
/// - everything else is `type`. Rows that are no multiple of 256 take Q5_0 for Q4_K, Q5_1 for Q5_K, Q8_0 for Q6_K, and
///   rows that are no multiple of 32 F16.
/// @returns invalid_argument naming the first quantised tensor that would be quantised again without
/// `allow_requantize` (F32 of it, and its own type, lose nothing and are always allowed).
Expected<std::vector<TensorPlan>> plan_quantization(const WeightSource& source, const QuantizeOptions& options);

struct QuantizeResult {
  std::uint64_t bytes = 0;        ///< written
  double relative_rms_error = 0;  ///< of the tensors that changed, against what the source says; 0 when none did
  std::uint64_t weights = 0;      ///< elements of all tensors
};

/// Takes the file's next bytes. An error ends the writing and is its result.
using WriteBytes = std::function<Status(std::span<const std::byte>)>;
/// How far. @returns false to stop (write() then returns cancelled).
using OnWritten = std::function<bool(std::uint64_t bytes)>;

/// A GGUF file that is about to be written with other types. Metadata are copied as they lie, but for
/// `general.file_type` and `general.quantization_version`. One thread.
class GgufQuantizer {
 public:
  /// @returns what open_gguf and plan_quantization return; unsupported for one part of a split file.
  static Expected<GgufQuantizer> open(const std::filesystem::path& path, const QuantizeOptions& options);
  GgufQuantizer(GgufQuantizer&&) noexcept;
  ~GgufQuantizer();

  std::span<const TensorPlan> tensors() const noexcept;
  std::uint64_t bytes() const noexcept;  ///< of the file that write() makes

  /// In pieces of a few MiB, whatever the tensors' sizes. The same bytes at any number of threads.
  /// @returns invalid_argument naming the tensor and the element that the type cannot hold; what `write` returns;
  /// cancelled.
  Expected<QuantizeResult> write(kernels::ThreadPool& pool, const WriteBytes& write, const OnWritten& progress) const;

 private:
  struct Impl;
  explicit GgufQuantizer(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace zenith::models
