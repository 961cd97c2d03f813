// Qwen 3: norms on queries and keys, head size apart from d_model / heads.
#include "arch/blocks/decoder.hpp"
#include "arch/registry.hpp"

namespace zenith::models {

Expected<std::unique_ptr<Graph>> load_qwen3(const WeightSource& source, const LoadOptions& options) {
  return load_decoder(source, "qwen3", options, {.pairs = kernels::RopePairs::halves, .query_key_norm = true});
}

}  // namespace zenith::models
