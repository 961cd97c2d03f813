// Texts to vectors with an embedding model.
#pragma once

#include <span>
#include <vector>

#include "zenith/models/engine/model.hpp"

namespace zenith::models {

/// Runs each token sequence (special tokens included) and pools its last hidden rows as info().pooling says; the
/// vectors, f32 [d_model], have length 1. Sequences share passes; none changes another's bits. KV pages come from the
/// ledger for the time of the call.
/// @returns unsupported for a model that is not for embeddings; invalid_argument for an empty sequence;
/// context_overflow naming the sequence and both numbers; out_of_memory.
Expected<std::vector<std::vector<float>>> embed(Model& model, kernels::Exec& ex, MemoryLedger& ledger,
                                                std::span<const std::vector<TokenId>> sequences);

inline Expected<std::vector<std::vector<float>>> embed(LoadedModel& loaded, kernels::Exec& ex, MemoryLedger& ledger,
                                                       std::span<const std::vector<TokenId>> sequences) {
  return embed(*loaded.model, ex, ledger, sequences);
}

}  // namespace zenith::models
