// Reading `tokenizer.ggml.*`, with errors that name the key.
#pragma once

#include "tokenizer/vocabulary.hpp"
#include "zenith/models/weights/weight_source.hpp"

namespace zenith::models {

inline constexpr std::string_view kTokensKey = "tokenizer.ggml.tokens", kTypesKey = "tokenizer.ggml.token_type",
                                  kScoresKey = "tokenizer.ggml.scores", kMergesKey = "tokenizer.ggml.merges";

/// @returns bad_file if the key is missing or no array of strings.
Expected<const std::vector<std::string>*> string_array(const WeightSource& source, std::string_view key);

/// Numbers of either kind as double; empty if the key is missing. @returns bad_file if it is no array of `count`
/// numbers.
Expected<std::vector<double>> number_array(const WeightSource& source, std::string_view key, std::size_t count);

/// Tokens, kinds and special ids. `fallback` holds the ids that the tokenizer's model implies where keys are missing;
/// they are dropped where out of range.
/// @returns bad_file naming the key for wrong types, lengths that disagree, kinds that do not exist and ids out of
/// range.
Expected<Vocabulary> vocabulary_from_gguf(const WeightSource& source, const SpecialIds& fallback);

}  // namespace zenith::models
