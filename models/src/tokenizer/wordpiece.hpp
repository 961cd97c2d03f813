// WordPiece as BERT uses it.  Source of the normaliser's rules: BertNormalizer and BertPreTokenizer of Hugging Face's
// tokenizers.
#pragma once

#include <memory>

#include "tokenizer/vocabulary.hpp"

namespace zenith::models {

struct WordPieceOptions {
  bool clean_text = true, chinese_chars = true, strip_accents = true, lowercase = true;
  std::size_t longest_word = 100;  ///< code points; a longer word is unknown
  /// How the vocabulary spells pieces: "##ing" inside a word and "word" at its start (tokenizer.json), or "ing" and
  /// "▁word" (GGUF).
  enum class Spelling { hashes, underline } spelling = Spelling::hashes;
};

/// `bos` of the vocabulary is [CLS], `separator` is [SEP]: add_special puts the text between them.
class WordPieceTokenizer final : public VocabularyTokenizer {
 public:
  /// @returns bad_file naming `key` if the vocabulary has no unknown token.
  static Expected<std::unique_ptr<Tokenizer>> make(Vocabulary vocabulary, const WordPieceOptions& options,
                                                   std::string_view key);

  std::vector<TokenId> encode(std::string_view text, const EncodeOptions& options) const override;
  /// With the space before a word; decode() takes the first one away.
  std::string piece(TokenId id, bool special) const override;
  std::string decode(std::span<const TokenId> ids, bool special) const override;
  bool adds_bos() const noexcept override { return bos() >= 0; }

 private:
  WordPieceTokenizer(Vocabulary vocabulary, const WordPieceOptions& options);
  std::vector<char32_t> normalized(std::string_view text) const;
  void encode_text(std::string_view text, std::vector<TokenId>& out) const;
  void encode_word(std::span<const char32_t> word, std::vector<TokenId>& out) const;
  void append_piece(std::string& out, TokenId id, bool special) const;

  WordPieceOptions options_;
  StringIndex starts_, insides_;  // without their marks
  std::size_t longest_piece_ = 0;
};

}  // namespace zenith::models
