// The pre-norm decoder that llama, qwen2 and qwen3 share: x += attention(norm(x)); x += mlp(norm(x)).
#pragma once

#include <memory>

#include "engine/graph.hpp"
#include "zenith/kernels/rope.hpp"

namespace zenith::models {

/// Where the architectures differ.
struct DecoderTraits {
  kernels::RopePairs pairs = kernels::RopePairs::halves;
  bool query_key_norm = false;  ///< RMS norm of each head's queries and keys
};

Expected<std::unique_ptr<Graph>> load_decoder(const WeightSource& source, std::string_view architecture,
                                              const LoadOptions& options, const DecoderTraits& traits);

}  // namespace zenith::models
