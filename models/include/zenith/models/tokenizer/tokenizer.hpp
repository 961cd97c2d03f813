// Text to token ids and back.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "zenith/core/error.hpp"
#include "zenith/core/sampling.hpp"
#include "zenith/models/weights/weight_source.hpp"

namespace zenith::models {

/// A byte range [begin, end) of a text.
struct TextRange {
  std::size_t begin = 0, end = 0;
  friend bool operator==(const TextRange&, const TextRange&) = default;
};

struct EncodeOptions {
  bool add_special = false;              ///< add BOS/EOS (or [CLS] and [SEP]) as the model's metadata says
  bool parse_special = false;            ///< control tokens written out in the text become their ids
  std::span<const TextRange> untrusted;  ///< sorted, disjoint: no control token is recognised that touches one of these
};

enum class TokenKind : std::uint8_t { normal, unknown, control, user_defined, unused, byte };

/// Immutable after loading; any thread. Total: any bytes encode (invalid UTF-8 through byte tokens or the unknown
/// token), any id decodes.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  virtual std::vector<TokenId> encode(std::string_view text, const EncodeOptions& options) const = 0;
  /// The bytes that a token stands for; may be part of a UTF-8 character. Control tokens give "" unless `special`.
  virtual std::string piece(TokenId id, bool special) const = 0;
  virtual std::string decode(std::span<const TokenId> ids,
                             bool special) const = 0;  ///< all pieces, with the model's leading-space rule
  virtual std::size_t vocab_size() const noexcept = 0;
  virtual TokenKind kind(TokenId id) const noexcept = 0;         ///< unused for ids out of range
  virtual std::string_view text(TokenId id) const noexcept = 0;  ///< as the vocabulary spells it
  virtual TokenId bos() const noexcept = 0;                      ///< -1 if none; likewise below
  virtual TokenId eos() const noexcept = 0;
  virtual bool adds_bos() const noexcept = 0;
  virtual std::span<const TokenId> end_of_generation()
      const noexcept = 0;  ///< eos, eot and what names like <|im_end|> tell
};

/// From GGUF metadata `tokenizer.ggml.*` (also of a file that holds only a vocabulary).
/// @returns unsupported naming tokenizer.ggml.model or tokenizer.ggml.pre and what is known; bad_file naming the key.
Expected<std::unique_ptr<Tokenizer>> tokenizer_from_gguf(const WeightSource& source);

/// From a Hugging Face tokenizer.json: WordPiece with BertNormalizer (minilm-l6), and byte-level BPE.
Expected<std::unique_ptr<Tokenizer>> tokenizer_from_json(std::string_view json);

}  // namespace zenith::models
