// The two ends of a text model: token ids to rows, rows to logits.
#pragma once

#include <optional>
#include <string>

#include "arch/hyper.hpp"
#include "arch/tensor_loader.hpp"
#include "engine/graph.hpp"

namespace zenith::models {

/// output_norm, and output.weight or the tied token table.
struct OutputHead {
  std::vector<float> norm;
  float norm_eps = 0;
  std::optional<kernels::Linear> logits;
};

OutputHead load_output_head(TensorLoader& loader, const Hyper& hyper);

/// A table that is read row by row: it stays in the file, or it is the output head's matrix.
class TokenTable {
 public:
  /// token_embd.weight. @param head must outlive this at its address.
  void load(TensorLoader& loader, const Hyper& hyper, const OutputHead& head);
  void load(TensorLoader& loader, const std::string& name, std::size_t rows, std::size_t cols) {
    table_ = loader.table(name, rows, cols);
  }
  void row(std::size_t index, std::span<float> out) const;
  /// Token rows times `scale`; embedding rows as they are given.
  void embed(const Pass& pass, View2<float> hidden, float scale) const;

 private:
  const TensorView* table_ = nullptr;
  const kernels::Linear* tied_ = nullptr;
};

}  // namespace zenith::models
