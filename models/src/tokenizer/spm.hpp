// SentencePiece's BPE over whole texts: Llama 2, Gemma, Mistral.
#pragma once

#include <memory>

#include "tokenizer/vocabulary.hpp"

namespace zenith::models {

struct SpmOptions {
  bool add_bos = true, add_eos = false;
  bool add_space_prefix = true;  ///< a space before the text and after each special token, as Llama 2 was trained
};

/// Spaces become U+2581; the best-scored pair merges first, the leftmost of equals. What no token spells goes byte by
/// byte through <0x00> … <0xFF>, or becomes one unknown token a run if the vocabulary has none. Control, unknown and
/// byte tokens never come out of merging. Unlike SentencePiece itself, text is not normalised: models with this
/// tokenizer in GGUF have the identity there.
class SpmTokenizer final : public VocabularyTokenizer {
 public:
  /// @param scores one for each token. @returns bad_file if the vocabulary has neither byte tokens nor an unknown
  /// token.
  static Expected<std::unique_ptr<Tokenizer>> make(Vocabulary vocabulary, std::vector<float> scores,
                                                   const SpmOptions& options);

  std::vector<TokenId> encode(std::string_view text, const EncodeOptions& options) const override;
  std::string piece(TokenId id, bool special) const override;
  std::string decode(std::span<const TokenId> ids, bool special) const override;
  bool adds_bos() const noexcept override { return options_.add_bos; }

 private:
  SpmTokenizer(Vocabulary vocabulary, std::vector<float> scores, const SpmOptions& options);
  void encode_text(std::string_view text, bool prefix, std::vector<TokenId>& out) const;
  TokenId mergeable(std::string_view text) const noexcept;
  void emit(std::string_view symbol, bool& after_unknown, std::vector<TokenId>& out) const;
  void append_piece(std::string& out, TokenId id, bool special) const;

  class Merging;

  SpmOptions options_;
  std::vector<float> scores_;
  TokenId byte_ids_[256];
  std::vector<std::int16_t> byte_of_;  // the byte that a token stands for, -1 for others
  std::size_t longest_ = 0;            // bytes of the longest token
};

}  // namespace zenith::models
