// Byte-level BPE: GPT-2's scheme, as SmolLM, Llama 3, Qwen, DeepSeek and many others use it.
#pragma once

#include <atomic>
#include <memory>

#include "tokenizer/pretokenizer.hpp"
#include "tokenizer/vocabulary.hpp"

namespace zenith::models {

struct ByteBpeOptions {
  PreTokenizer pre;
  bool add_bos = false, add_eos = false;
};

/// One merge rule, by the texts of its halves.
struct MergeRule {
  std::string_view left, right;
};

/// Control tokens never come out of merging: a rule that makes one is left out. A byte without a token is left out of
/// the result, as Hugging Face's tokenizers and llama.cpp do (SmolLM2's vocabulary lacks 21 bytes, all of them absent
/// from or rare in UTF-8).
class ByteBpeTokenizer final : public VocabularyTokenizer {
 public:
  /// @param merges by rank. @param key names the merges in errors. @returns bad_file if a rule names a token that does
  /// not exist.
  static Expected<std::unique_ptr<Tokenizer>> make(Vocabulary vocabulary, const std::vector<MergeRule>& merges,
                                                   const ByteBpeOptions& options, std::string_view key);

  std::vector<TokenId> encode(std::string_view text, const EncodeOptions& options) const override;
  std::string piece(TokenId id, bool special) const override;
  std::string decode(std::span<const TokenId> ids, bool special) const override;
  bool adds_bos() const noexcept override { return options_.add_bos; }

 private:
  enum WholeWord : std::uint8_t { unknown, whole, parts };

  ByteBpeTokenizer(Vocabulary vocabulary, const ByteBpeOptions& options);
  Status add_merges(const std::vector<MergeRule>& merges, std::string_view key);
  void append_piece(std::string& out, TokenId id, bool special) const;
  void encode_text(std::string_view text, std::vector<TokenId>& out) const;

  ByteBpeOptions options_;
  std::vector<std::string> bytes_;  // what each token stands for
  StringIndex words_;               // bytes to id, of tokens that text may become
  TokenId byte_ids_[256];
  MergeTable merges_;
  /// Whether merging a token's own bytes gives that token: found out on first use. Racing threads find the same answer.
  mutable std::vector<std::atomic<std::uint8_t>> whole_;
};

}  // namespace zenith::models
