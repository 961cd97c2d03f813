// A model run for its own sake, outside the server: logits, perplexity, one greedy or sampled text.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "zenith/models/engine/model.hpp"

namespace zenith::models {

/// Rows in one forward pass of these helpers.
inline constexpr std::size_t kEvaluationChunk = 256;
/// Tokens in a window of perplexity(), and how many of them are scored: the second half.
inline constexpr std::size_t kPerplexityWindow = 512, kPerplexityScored = kPerplexityWindow / 2;

/// The model's logits for the token after each of `ids` (all_positions: f32 [ids, vocab], row-major), or after the last
/// ([vocab]). Every row in the prefill phase. KV pages come from the ledger for the time of the call.
/// @returns invalid_argument for no ids or an id out of range; context_overflow with both numbers; out_of_memory.
Expected<std::vector<float>> logits(Model& model, kernels::Exec& ex, MemoryLedger& ledger, std::span<const TokenId> ids,
                                    bool all_positions);

struct Perplexity {
  double perplexity = 0;  ///< e^mean of the negative log-likelihoods
  double mean_nll = 0;    ///< natural logarithm
  std::size_t scored_tokens = 0;
  std::size_t windows = 0;
};

/// How far: windows done, windows in all. @returns false to stop (the call then returns cancelled).
using Progress = std::function<bool(std::size_t done, std::size_t all)>;
/// Sees a window's scored positions in order: logits f32 [targets, vocab] and the token that came at each. An error
/// stops the call and is its result.
using OnScored = std::function<Status(std::span<const float> logits, std::span<const TokenId> targets)>;

/// Context 512, full windows only, without overlap; in each the second half (tokens 257 … 512) is scored given all
/// before it in the window; llama-perplexity leaves out the first of these. When `bos` >= 0 it takes the place of each
/// window's first token. @returns invalid_argument when `ids` do not fill a window.
Expected<Perplexity> perplexity(Model& model, kernels::Exec& ex, MemoryLedger& ledger, std::span<const TokenId> ids,
                                TokenId bos, const Progress& progress = {}, const OnScored& on_scored = {});

/// Picks the next token from logits f32 [vocab], which it may change.
using PickToken = std::function<TokenId(std::span<float> logits)>;
/// Sees each new token. @returns false to stop after it.
using OnToken = std::function<bool(TokenId id)>;

struct Generated {
  std::vector<TokenId> tokens;
  double prefill_s = 0, decode_s = 0;  ///< wall time of the prompt up to the first token; of the tokens after it
};

/// Prompt in prefill rows, then one decode row a step, until `most` tokens, `on_token` says stop or the context is
/// full.
/// @returns as logits().
Expected<Generated> generate(Model& model, kernels::Exec& ex, MemoryLedger& ledger, std::span<const TokenId> prompt,
                             std::size_t most, const PickToken& pick, const OnToken& on_token = {});

/// The highest logit; the lowest id among equals.
TokenId greedy(std::span<const float> logits) noexcept;

inline Expected<std::vector<float>> logits(LoadedModel& loaded, kernels::Exec& ex, MemoryLedger& ledger,
                                           std::span<const TokenId> ids, bool all_positions) {
  return logits(*loaded.model, ex, ledger, ids, all_positions);
}
inline Expected<Perplexity> perplexity(LoadedModel& loaded, kernels::Exec& ex, MemoryLedger& ledger,
                                       std::span<const TokenId> ids, const Progress& progress = {},
                                       const OnScored& on_scored = {}) {
  return perplexity(*loaded.model, ex, ledger, ids, loaded.tokenizer->adds_bos() ? loaded.tokenizer->bos() : -1,
                    progress, on_scored);
}
inline Expected<Generated> generate(LoadedModel& loaded, kernels::Exec& ex, MemoryLedger& ledger,
                                    std::span<const TokenId> prompt, std::size_t most, const PickToken& pick,
                                    const OnToken& on_token = {}) {
  return generate(*loaded.model, ex, ledger, prompt, most, pick, on_token);
}

}  // namespace zenith::models
