// The small files beside whisper's weights: what each token is, and which are never said.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "zenith/core/error.hpp"
#include "zenith/core/sampling.hpp"

namespace zenith::media {

/// Tokens with a meaning of their own. Timestamps are the last tokens: begin + i stands for 0.02 s · i.
struct WhisperSpecials {
  TokenId end = -1, start = -1, transcribe = -1, previous = -1, no_speech = -1, no_timestamps = -1, timestamps = -1;
  std::map<std::string, TokenId> languages;  ///< by code: "en"
  std::vector<TokenId> never;                ///< suppressed everywhere
  std::vector<TokenId> not_first;            ///< suppressed as the first of a text
};

/// Byte-level BPE, both ways. Immutable; any thread.
class WhisperVocabulary {
 public:
  /// Reads config.json, tokenizer.json and vocabulary.txt of the folder. @returns not_found, bad_file naming file and
  /// key.
  static Expected<WhisperVocabulary> load(const std::filesystem::path& folder);
  /// The same from texts.
  static Expected<WhisperVocabulary> parse(std::string_view config, std::string_view tokenizer,
                                           std::string_view vocabulary);

  std::size_t size() const noexcept { return bytes_.size(); }
  const WhisperSpecials& specials() const noexcept { return specials_; }
  bool is_timestamp(TokenId token) const noexcept { return token >= specials_.timestamps; }
  bool is_text(TokenId token) const noexcept { return token >= 0 && token < specials_.end; }
  /// The text's bytes, specials left out; what is no UTF-8 becomes U+FFFD.
  std::string text(const std::vector<TokenId>& tokens) const;
  /// Merges as tokenizer.json says. Beyond ASCII every character counts as a letter when words are cut, so the tokens
  /// of such a text may differ from the trainer's; they stand for the same bytes.
  std::vector<TokenId> encode(std::string_view text) const;

 private:
  std::vector<std::string> bytes_;  ///< of each token; empty for specials
  std::map<std::string, TokenId, std::less<>> ids_;
  std::map<std::pair<std::string, std::string>, std::size_t> ranks_;
  WhisperSpecials specials_;
};

}  // namespace zenith::media
