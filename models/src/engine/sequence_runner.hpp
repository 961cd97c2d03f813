// One sequence through a model, chunk by chunk: what the evaluation helpers share.
#pragma once

#include <algorithm>
#include <memory>
#include <span>
#include <vector>

#include "zenith/models/engine/model.hpp"

namespace zenith::models {

class SequenceRunner {
 public:
  /// Room for `tokens`. @returns context_overflow; out_of_memory.
  static Expected<SequenceRunner> make(Model& model, MemoryLedger& ledger, std::size_t tokens);

  /// Appends `ids` in chunks. `wants(i)` tells whether ids[i] gives logits; `out` gets theirs, f32 [vocab] each, in
  /// order.
  template <class Wants>
  Status append(kernels::Exec& ex, std::span<const TokenId> ids, kernels::Phase phase, Wants wants,
                std::vector<float>& out) {
    out.clear();
    for (std::size_t at = 0; at < ids.size();) {
      const auto chunk = ids.subspan(at, std::min(kChunk, ids.size() - at));
      std::vector<bool> wanted(chunk.size());
      for (std::size_t i = 0; i < chunk.size(); ++i) wanted[i] = wants(at + i);
      if (auto ok = append_chunk(ex, chunk, phase, wanted, out); !ok) return ok;
      at += chunk.size();
    }
    return {};
  }
  void restart() noexcept { length_ = 0; }

 private:
  static constexpr std::size_t kChunk = 256;
  SequenceRunner(Model& model, std::unique_ptr<KvPool> pool) : model_(&model), pool_(std::move(pool)), table_(*pool_) {}
  Status append_chunk(kernels::Exec& ex, std::span<const TokenId> ids, kernels::Phase phase,
                      const std::vector<bool>& wanted, std::vector<float>& out);

  Model* model_;
  std::unique_ptr<KvPool> pool_;
  BlockTable table_;  // after pool_: gives its pages back first
  std::size_t length_ = 0;
};

}  // namespace zenith::models
