// Model::run over any graph: checks a batch, walks the layers, pauses and goes on.
#pragma once

#include <memory>

#include "engine/graph.hpp"

namespace zenith::models {

/// Rows in one batch at most: bounds the scratch memory of a pass.
inline constexpr std::size_t kMostBatchRows = 16384;

std::unique_ptr<Model> model_of(std::unique_ptr<Graph> graph);

/// Everything that a graph may rely on. @returns invalid_argument naming the row.
Status check_batch(const Graph& graph, const Batch& batch);

}  // namespace zenith::models
