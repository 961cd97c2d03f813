// A vocabulary of letters, and a decoder that says what the test tells it to.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <string>
#include <vector>

#include "whisper_config.hpp"
#include "whisper_net.hpp"

namespace zenith::media::test {

// a … z, space, "hi", then what follows.
inline constexpr TokenId kSpace = 26, kHi = 27, kEnd = 28, kStart = 29, kEnglish = 30, kGerman = 31, kTranscribe = 33,
                         kPrevious = 34, kNoSpeechToken = 35, kNoTimestamps = 36, kTime = 37;

inline TokenId stamp(double seconds) { return kTime + static_cast<TokenId>(seconds / 0.02 + 0.5); }

inline std::string toy_lines() {
  std::string lines;
  for (char c = 'a'; c <= 'z'; ++c) lines += std::string{c} + "\n";
  lines +=
      "Ġ\nhi\n<|endoftext|>\n<|startoftranscript|>\n<|en|>\n<|de|>\n<|translate|>\n<|transcribe|>\n<|startofprev|>\n";
  lines += "<|nocaptions|>\n<|notimestamps|>\n";
  for (int i = 0; i <= 1500; ++i) lines += fmt::format("<|{:.2f}|>\n", i * 0.02);
  return lines;
}
inline constexpr const char* kToyConfig =
    R"({"lang_ids":[30,31],"suppress_ids":[25,29,32,33,34],"suppress_ids_begin":[26,28]})";
inline constexpr const char* kToyTokenizer = R"({"model":{"merges":["h i"]}})";

inline WhisperVocabulary toy_vocabulary() { return *WhisperVocabulary::parse(kToyConfig, kToyTokenizer, toy_lines()); }

class ScriptedNet final : public WhisperNet {
 public:
  /// @param next what follows these tokens, and how sure of it the net is: the logit above all others.
  explicit ScriptedNet(std::function<std::pair<TokenId, float>(const std::vector<TokenId>&)> next)
      : next_(std::move(next)) {}

  Status encode(std::span<const float>, WhisperWindow) override { return {}; }
  std::span<const float> encoded() const override { return {}; }
  void restart() override {
    tokens_.clear();
    ++starts;
  }
  Expected<std::span<const float>> step(std::span<const TokenId> tokens, std::span<const std::size_t> rows) override {
    ++steps;
    logits_.clear();
    std::size_t row = 0;
    for (const std::size_t wanted : rows) {
      for (; row <= wanted; ++row) tokens_.push_back(tokens[row]);
      std::vector<float> one(vocabulary(), 0.0F);
      const auto [token, sure] = next_(tokens_);
      one[static_cast<std::size_t>(token)] = sure;
      logits_.insert(logits_.end(), one.begin(), one.end());
    }
    for (; row < tokens.size(); ++row) tokens_.push_back(tokens[row]);
    return std::span<const float>{logits_};
  }
  std::size_t vocabulary() const noexcept override { return static_cast<std::size_t>(kTime) + 1501; }
  std::size_t context() const noexcept override { return 448; }

  int steps = 0, starts = 0;

 private:
  std::function<std::pair<TokenId, float>(const std::vector<TokenId>&)> next_;
  std::vector<TokenId> tokens_;
  std::vector<float> logits_;
};

/// Says the script behind the prompt, then ends.
inline auto saying(std::vector<TokenId> script, float sure = 30) {
  return [script = std::move(script), sure](const std::vector<TokenId>& tokens) {
    const auto begin = std::find(tokens.begin(), tokens.end(), kTranscribe);
    const auto at = begin == tokens.end() ? 0 : static_cast<std::size_t>(tokens.end() - begin - 1);
    return std::pair{at < script.size() ? script[at] : kEnd, sure};
  };
}

}  // namespace zenith::media::test
