// Which token may come next, and what a finished row of tokens says. Plain; after openai/whisper's decoding rules
// (Radford et al., arXiv:2212.04356, section 4.5).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "whisper_config.hpp"

namespace zenith::media {

/// Sets what must not come next to -inf: never-tokens, no empty text; timestamps come first, in pairs, never backwards,
/// at most 1 s into the window at first, and whenever all of them together are likelier than every text.
/// @param sampled the tokens behind the prompt.
void apply_rules(std::span<float> logits, const WhisperVocabulary& vocabulary, std::span<const TokenId> sampled);

/// log(sum(exp(x)))
float log_sum_exp(std::span<const float> x) noexcept;

/// How often the longest tail repeats itself, as the number of tokens of the repeats that may go; 0 when the row does
/// not run in a circle. A circle: 1 … 32 tokens, at least 4 times and 16 tokens in a row.
std::size_t circling(std::span<const TokenId> tokens) noexcept;

/// A row's piece between two timestamps; seconds from the window's beginning.
struct Spoken {
  double start = 0, end = 0;
  std::vector<TokenId> tokens;  ///< timestamps included
};

/// @param seconds the window's length. @returns the pieces; and where the next window begins: behind the last whole
/// piece when more was begun, else at the window's end.
std::vector<Spoken> cut_at_timestamps(const WhisperVocabulary& vocabulary, std::span<const TokenId> tokens,
                                      double seconds, double& next);

/// Bytes of the text by those of its zlib compression: above 2.4, text repeats itself. 0 for an empty text.
double compression_ratio(const std::string& text);

}  // namespace zenith::media
