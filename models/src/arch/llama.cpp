// Llama 2 and 3, SmolLM2, Mistral: adjacent rope pairs; Llama 3's frequency factors lie in rope_freqs.weight.
#include "arch/blocks/decoder.hpp"
#include "arch/registry.hpp"

namespace zenith::models {

Expected<std::unique_ptr<Graph>> load_llama(const WeightSource& source, const LoadOptions& options) {
  return load_decoder(source, "llama", options, {.pairs = kernels::RopePairs::adjacent});
}

}  // namespace zenith::models
