// How the next token is chosen. The order: bias, penalties, temperature 0 = greedy, else top-k, top-p, min-p,
// temperature, draw.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace zenith {

using TokenId = std::int32_t;

struct SamplingParams {
  float temperature = 1.0F;        ///< >= 0; 0 is greedy
  float top_p = 1.0F;              ///< (0, 1]; 1 is off
  float min_p = 0.0F;              ///< [0, 1); 0 is off: keeps tokens with p >= min_p * p_max
  std::int32_t top_k = 0;          ///< >= 0; 0 is off
  float presence_penalty = 0.0F;   ///< [-2, 2], subtracted once from tokens generated so far
  float frequency_penalty = 0.0F;  ///< [-2, 2], subtracted per occurrence among tokens generated so far
  float repeat_penalty =
      1.0F;  ///< > 0; divides positive, multiplies negative logits of the last 64 tokens, prompt included
  std::optional<std::uint64_t> seed;                  ///< absent: from Effects
  std::vector<std::pair<TokenId, float>> logit_bias;  ///< added to the logit; -100 bans in practice
  bool ignore_eos = false;                            ///< end-of-generation tokens are never drawn
};

}  // namespace zenith
