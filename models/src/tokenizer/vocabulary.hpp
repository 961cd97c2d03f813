// What every tokenizer shares: the tokens, their kinds, the special ids, and cutting a text at special tokens.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/string_index.hpp"
#include "zenith/models/tokenizer/tokenizer.hpp"

namespace zenith::models {

struct SpecialIds {
  TokenId bos = -1, eos = -1, unknown = -1, eot = -1, eom = -1, separator = -1;
};

/// A part of a text: a special token's id, or (id < 0) text still to be encoded.
struct Fragment {
  TokenId id = -1;
  std::string_view text;
};

/// Finds user-defined and control tokens in text: the longest at each position, from left to right.
class SpecialMatcher {
 public:
  static constexpr std::size_t kMaxLength = 1024;  ///< bytes; bounds the work at each position of a text

  /// @param fold_spaces U+2581 and the space are the same, in tokens and in text.
  explicit SpecialMatcher(bool fold_spaces = false) : fold_spaces_(fold_spaces) {}

  /// Of two tokens that read the same, the first stays. @pre 0 < text.size() <= kMaxLength.
  void add(std::string_view text, TokenId id, bool control);
  /// User-defined tokens are found always, control tokens with parse_special and only outside untrusted ranges.
  void partition(std::string_view text, const EncodeOptions& options, std::vector<Fragment>& out) const;

 private:
  struct Node {
    TokenId id = -1;
    bool control = false;
    std::uint32_t child = 0, sibling = 0;  // 0 = none: the root is nobody's child
    unsigned char byte = 0;
  };
  struct Symbol {
    unsigned char byte;
    std::size_t size;
  };
  Symbol read(std::string_view text, std::size_t at) const noexcept;
  std::uint32_t step(std::uint32_t node, unsigned char byte) const noexcept;
  bool fold_spaces_ = false;
  std::vector<Node> nodes_{Node{}};
  std::uint32_t roots_[256] = {};
};

/// Immutable after loading.
class Vocabulary {
 public:
  Vocabulary(Vocabulary&&) = default;
  Vocabulary& operator=(Vocabulary&&) = default;
  Vocabulary(const Vocabulary&) = delete;  // the index borrows the strings
  Vocabulary& operator=(const Vocabulary&) = delete;

  /// Checks and takes over the tokens. @param key names the metadata at fault in errors.
  /// @returns bad_file for no tokens, an empty one, two of the same text, or a special token over
  /// SpecialMatcher::kMaxLength.
  static Expected<Vocabulary> make(std::vector<std::string> texts, std::vector<TokenKind> kinds, const SpecialIds& ids,
                                   std::string_view key);

  std::size_t size() const noexcept { return texts_.size(); }
  bool contains(TokenId id) const noexcept { return id >= 0 && static_cast<std::size_t>(id) < texts_.size(); }
  std::string_view text(TokenId id) const noexcept {
    return contains(id) ? std::string_view{texts_[static_cast<std::size_t>(id)]} : std::string_view{};
  }
  TokenKind kind(TokenId id) const noexcept {
    return contains(id) ? kinds_[static_cast<std::size_t>(id)] : TokenKind::unused;
  }
  /// Control and unknown tokens: not text that a user could mean.
  bool hidden(TokenId id) const noexcept { return kind(id) == TokenKind::control || kind(id) == TokenKind::unknown; }
  /// Found in text before anything else is.
  bool special(TokenId id) const noexcept { return hidden(id) || kind(id) == TokenKind::user_defined; }
  TokenId find(std::string_view text) const noexcept { return index_.find(text); }
  const SpecialIds& ids() const noexcept { return ids_; }
  const std::vector<TokenId>& end_of_generation() const noexcept { return end_of_generation_; }
  const SpecialMatcher& specials() const noexcept { return specials_; }
  /// From now on special tokens are found where text has U+2581 for a space or the other way round.
  void fold_spaces();

 private:
  Vocabulary() = default;
  void find_end_of_generation();
  void add_specials();

  std::vector<std::string> texts_;
  std::vector<TokenKind> kinds_;
  StringIndex index_;
  SpecialIds ids_;
  SpecialMatcher specials_;
  std::vector<TokenId> end_of_generation_;
};

/// The part of Tokenizer that a vocabulary answers.
class VocabularyTokenizer : public Tokenizer {
 public:
  explicit VocabularyTokenizer(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {}
  std::size_t vocab_size() const noexcept override { return vocabulary_.size(); }
  TokenKind kind(TokenId id) const noexcept override { return vocabulary_.kind(id); }
  std::string_view text(TokenId id) const noexcept override { return vocabulary_.text(id); }
  TokenId bos() const noexcept override { return vocabulary_.ids().bos; }
  TokenId eos() const noexcept override { return vocabulary_.ids().eos; }
  std::span<const TokenId> end_of_generation() const noexcept override { return vocabulary_.end_of_generation(); }

 protected:
  const Vocabulary& vocabulary() const noexcept { return vocabulary_; }

 private:
  Vocabulary vocabulary_;
};

}  // namespace zenith::models
