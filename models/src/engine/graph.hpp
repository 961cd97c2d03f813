// What an architecture is to the driver: layers over hidden rows.
#pragma once

#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "zenith/kernels/attention.hpp"
#include "zenith/kernels/linear.hpp"
#include "zenith/models/engine/batch.hpp"
#include "zenith/models/engine/model.hpp"

namespace zenith::models {

/// Memory that lives from the stage of a layer that pauses to the layer's end.
using KeptRows = std::deque<std::vector<float>>;

/// What a layer sees beside the hidden rows. One entry a row in every span.
struct Pass {
  kernels::Exec& ex;
  std::span<const Row> rows;
  std::span<const kernels::RowMeta> meta;
  std::span<const std::int32_t> positions;  ///< the first component
  std::span<const kernels::KvRow> kv_rows;  ///< first = 0: no window
  kernels::KvLayer kv;                      ///< of the layer that runs
  View2<const std::int64_t> partial;        ///< stage > 0: the sums asked for, fixed point
  KeptRows* kept = nullptr;

  /// Uninitialised, until this stage of the layer ends.
  View2<float> scratch(std::size_t count, std::size_t cols) const {
    return {ex.workspace->take<float>(count * cols).data(), count, cols};
  }
  /// The same for what a later stage, or the receiver of an ExpertGroup, reads.
  View2<float> keep(std::size_t count, std::size_t cols) const {
    return {kept->emplace_back(count * cols).data(), count, cols};
  }
};

/// Immutable after loading. Methods run on the thread that calls Model::run; hidden is f32 [T, d_model].
class Graph {
 public:
  virtual ~Graph() = default;
  virtual const ModelInfo& info() const noexcept = 0;

  /// Rows that the architecture cannot take. @returns invalid_argument. The driver has checked ranges already.
  virtual Status accepts(const Row& row) const;

  virtual void embed(const Pass& pass, View2<float> hidden) const = 0;

  /// One stage of one layer, in place. Stage 0 begins it. No groups: the layer is done. Groups: their sums are wanted
  /// in Pass::partial by the next stage of the same layer.
  virtual std::vector<ExpertGroup> layer(const Pass& pass, std::size_t index, std::size_t stage,
                                         View2<float> hidden) const = 0;

  virtual void final_norm(kernels::Exec& ex, View2<float> hidden) const = 0;  ///< in place
  /// hidden after final_norm -> f32 [T, vocab]. @pre info().kind == generate.
  virtual void head(kernels::Exec& ex, const kernels::Activations& hidden, View2<float> logits) const = 0;
};

}  // namespace zenith::models
