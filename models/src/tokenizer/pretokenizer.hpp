// Cutting a text into the pieces inside which byte-level BPE may merge: hand-written matchers, one for each regular
// expression.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/code_text.hpp"

namespace zenith::models {

/// Cuts one piece further and appends the parts, in order and without gaps; what the expression does not match is a
/// part of its own.
using SplitPass = void (*)(const CodeText& text, Piece piece, std::vector<Piece>& out);

/// A pre-tokenizer: its passes one after the other, each seeing the parts of the one before in isolation.
struct SplitFamily {
  std::string_view name;
  std::span<const SplitPass> passes;
};

/// What `tokenizer.ggml.pre` implies besides the expressions.
struct PreTokenizer {
  const SplitFamily* family = nullptr;
  bool ignore_merges = false;  ///< a piece that is a token's text is that token, whatever the merges say
  bool adds_bos = false;       ///< when tokenizer.ggml.add_bos_token is missing
};

/// @returns nullptr for a name that is not known. Source of the names: llama.cpp's table of pre-tokenizers.
const PreTokenizer* find_pre_tokenizer(std::string_view pre) noexcept;

/// A family by its own name: "gpt2", "llama3", "qwen2", …; nullptr if there is none.
const SplitFamily* find_split_family(std::string_view name) noexcept;

/// All names that find_pre_tokenizer knows, for error messages.
std::string known_pre_tokenizers();

/// The pieces of a text, in order, covering it. `scratch` is working memory to be reused.
void split(const SplitFamily& family, const CodeText& text, std::vector<Piece>& out, std::vector<Piece>& scratch);

}  // namespace zenith::models
