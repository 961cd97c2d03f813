// From logits to a token. Deterministic in (params, seed, history, logits).
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "zenith/core/sampling.hpp"

namespace zenith::models {

struct TokenLogprob {
  TokenId id = -1;
  float logprob = 0;
};

/// The state of one sequence. One thread at a time.
class Sampler {
 public:
  /// @param prompt counts for repeat_penalty only. @param seed used when params.seed is empty.
  Sampler(const SamplingParams& params, std::span<const TokenId> prompt, std::span<const TokenId> end_of_generation,
          std::uint64_t seed);

  /// Picks a token. `logits` f32 [vocab], not empty, are changed in place (bias, penalties; what may not be drawn
  /// becomes -inf). `allowed`: one bit a token, int32 words of 32, empty = all; at least one bit is set. It wins over
  /// ignore_eos when only end-of-generation tokens are allowed. NaN logits count as -inf, +inf as the largest float;
  /// ids of logit_bias beyond the vocabulary are ignored; when nothing has a finite logit the lowest allowed id is
  /// picked. Does not change the history. Each call for the same position draws the same random number: a verified or
  /// recomputed position picks the same token. top-p is taken over the softmax of what top-k left, at temperature 1;
  /// ties count in ascending order of ids.
  TokenId sample(std::span<float> logits, std::span<const std::int32_t> allowed = {});

  void accept(TokenId id);           ///< append to the history
  void rollback(std::size_t count);  ///< undo the last `count` accepts. @pre count <= generated()
  std::span<const TokenId> history() const noexcept { return history_; }  ///< the prompt, then what was accepted
  std::size_t generated() const noexcept { return history_.size() - prompt_tokens_; }

 private:
  void penalise(std::span<float> logits) const;
  void mask(std::span<float> logits, std::span<const std::int32_t> allowed) const;

  SamplingParams params_;
  std::vector<TokenId> end_of_generation_;
  std::vector<TokenId> history_;
  std::size_t prompt_tokens_ = 0;
  std::unordered_map<TokenId, std::uint32_t> counts_;  // among generated tokens
  std::uint64_t seed_;
  std::vector<float> weights_;  // scratch, [vocab]
};

/// Log-probabilities under softmax of the model's own logits (before bias, penalties and temperature, as OpenAI reports
/// them).
/// @returns the `top` most probable in descending order (ties: lower id first); `chosen` gets the picked token's own.
std::vector<TokenLogprob> top_logprobs(std::span<const float> logits, std::size_t top, TokenId picked,
                                       TokenLogprob& chosen);

}  // namespace zenith::models
