// The architectures: one row each.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "engine/graph.hpp"

namespace zenith::models {

using LoadGraph = Expected<std::unique_ptr<Graph>> (*)(const WeightSource& source, const LoadOptions& options);

struct Architecture {
  std::string_view name;  ///< as general.architecture says it
  LoadGraph load;
};

std::span<const Architecture> architectures() noexcept;

Expected<std::unique_ptr<Graph>> load_llama(const WeightSource& source, const LoadOptions& options);
Expected<std::unique_ptr<Graph>> load_qwen2(const WeightSource& source, const LoadOptions& options);
Expected<std::unique_ptr<Graph>> load_qwen3(const WeightSource& source, const LoadOptions& options);
Expected<std::unique_ptr<Graph>> load_gemma3(const WeightSource& source, const LoadOptions& options);
Expected<std::unique_ptr<Graph>> load_bert(const WeightSource& source, const LoadOptions& options);

}  // namespace zenith::models
