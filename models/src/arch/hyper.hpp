// The numbers that describe a transformer, read from metadata and bounded.
#pragma once

#include <string>

#include "zenith/core/error.hpp"
#include "zenith/models/engine/model.hpp"
#include "zenith/models/weights/weight_source.hpp"

namespace zenith::models {

struct Hyper {
  std::string architecture;
  std::size_t layers = 0, d_model = 0, heads = 0, kv_heads = 0, head_dim = 0, ffn = 0, vocab = 0, context = 0;
  float norm_eps = 0;
  double rope_base = 10000, rope_scale = 1;  ///< rope_scale: RopeTable's linear_scale
  std::size_t rope_dims = 0;
  float attention_scale = 0;  ///< 1 / sqrt(head_dim) unless the file says otherwise
};

/// Keys `<architecture>.…` as the GGUF specification names them. Every number is bounded, so that no later product
/// overflows.
/// @returns bad_file naming the key; unsupported for experts, for layers of unequal shape and for rope scaling other
/// than linear.
Expected<Hyper> read_hyper(const WeightSource& source, std::string_view architecture);

/// What the graph tells about itself. @returns invalid_argument when options.context is over the model's own.
Expected<ModelInfo> describe(const WeightSource& source, const Hyper& hyper, const LoadOptions& options);

}  // namespace zenith::models
