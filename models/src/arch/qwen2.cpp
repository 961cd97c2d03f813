// Qwen 2 and 2.5: biases on q, k and v.
#include "arch/blocks/decoder.hpp"
#include "arch/registry.hpp"

namespace zenith::models {

Expected<std::unique_ptr<Graph>> load_qwen2(const WeightSource& source, const LoadOptions& options) {
  return load_decoder(source, "qwen2", options, {.pairs = kernels::RopePairs::halves});
}

}  // namespace zenith::models
