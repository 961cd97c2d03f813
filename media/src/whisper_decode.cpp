#include "whisper_decode.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <random>

#include "whisper_rules.hpp"

namespace zenith::media {
namespace {

constexpr float kWarmer = 0.2F;

struct Prompt {
  std::vector<TokenId> tokens;
  std::size_t start = 0;  ///< where the transcript begins: its logits know whether there is speech
};

Prompt make_prompt(const WhisperVocabulary& vocabulary, const DecodeOptions& options, std::size_t most) {
  const WhisperSpecials& s = vocabulary.specials();
  Prompt out;
  if (!options.prompt.empty()) {
    const std::size_t kept = std::min(options.prompt.size(), most);
    out.tokens.push_back(s.previous);
    out.tokens.insert(out.tokens.end(), options.prompt.end() - static_cast<std::ptrdiff_t>(kept), options.prompt.end());
  }
  out.start = out.tokens.size();
  out.tokens.insert(out.tokens.end(), {s.start, options.language, s.transcribe});
  return out;
}

float uniform(std::mt19937_64& random) { return static_cast<float>(random() >> 40) * 0x1p-24F; }

/// @param logits after the rules; scaled in place above temperature 0.
std::size_t draw(std::span<float> logits, float temperature, std::mt19937_64& random) {
  const auto best = static_cast<std::size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
  if (temperature <= 0) return best;
  for (float& x : logits) x /= temperature;
  const float total = log_sum_exp(logits);
  float left = uniform(random);
  for (std::size_t i = 0; i < logits.size(); ++i) {
    left -= std::exp(logits[i] - total);
    if (left < 0) return i;
  }
  return best;
}

Error cancelled() { return {Errc::cancelled, "the transcription was stopped", {}, {}}; }

/// One try at one temperature.
Expected<Decoded> attempt(WhisperNet& net, const WhisperVocabulary& vocabulary, const Prompt& prompt, float temperature,
                          std::mt19937_64& random, const GoOn& go_on) {
  const WhisperSpecials& s = vocabulary.specials();
  const std::size_t width = net.vocabulary();
  const std::size_t most = std::min(net.context() / 2, net.context() - prompt.tokens.size());
  Decoded out;
  out.temperature = temperature;
  net.restart();
  const std::size_t last = prompt.tokens.size() - 1;
  const std::array<std::size_t, 2> rows{prompt.start, last};
  if (!go_on()) return tl::make_unexpected(cancelled());
  auto seen = net.step(prompt.tokens, rows);
  if (!seen) return tl::make_unexpected(seen.error());
  const auto speech = seen->first(width);
  out.no_speech_prob = std::exp(speech[static_cast<std::size_t>(s.no_speech)] - log_sum_exp(speech));
  std::vector<float> logits(seen->begin() + static_cast<std::ptrdiff_t>(width), seen->end());
  double sum = 0;
  for (;;) {
    apply_rules(logits, vocabulary, out.tokens);
    const float total = log_sum_exp(logits);
    if (!std::isfinite(total)) return fail(Errc::internal, "whisper's decoder gave numbers that are not finite");
    const std::vector<float>& plain = logits;
    std::vector<float> scaled;
    if (temperature > 0) scaled = plain;
    const std::size_t token =
        draw(temperature > 0 ? std::span<float>{scaled} : std::span<float>{logits}, temperature, random);
    sum += plain[token] - total;
    out.ended = static_cast<TokenId>(token) == s.end;
    if (out.ended || out.tokens.size() + 1 >= most) break;
    out.tokens.push_back(static_cast<TokenId>(token));
    if (const std::size_t repeats = circling(out.tokens)) {
      out.tokens.resize(out.tokens.size() - repeats);
      out.compression_ratio = kMostCompressed + 1;
      break;
    }
    if (!go_on()) return tl::make_unexpected(cancelled());
    const TokenId next = out.tokens.back();
    const std::array<std::size_t, 1> row{0};
    seen = net.step({&next, 1}, row);
    if (!seen) return tl::make_unexpected(seen.error());
    logits.assign(seen->begin(), seen->end());
  }
  out.avg_logprob = sum / static_cast<double>(out.tokens.size() + 1);
  out.compression_ratio = std::max(out.compression_ratio, compression_ratio(vocabulary.text(out.tokens)));
  return out;
}

bool repeats(const Decoded& decoded) { return decoded.compression_ratio > kMostCompressed; }
bool unlikely(const Decoded& decoded) { return decoded.avg_logprob < kLeastLogprob; }

/// Short texts are never likely: their first token has several spellings.
bool unsure(const Decoded& decoded) { return decoded.tokens.size() > 10 && decoded.avg_logprob < kLeastShortLogprob; }

/// Words whose time is later than all of the sound.
bool goes_on(const WhisperVocabulary& vocabulary, const Decoded& decoded, double seconds) {
  double next = seconds;
  const auto pieces = cut_at_timestamps(vocabulary, decoded.tokens, INFINITY, next);
  return std::any_of(pieces.begin(), pieces.end(), [&](const Spoken& piece) { return piece.start > seconds; });
}

}  // namespace

Expected<std::optional<Decoded>> decode_short(WhisperNet& net, const WhisperVocabulary& vocabulary,
                                              const DecodeOptions& options, double seconds, const GoOn& go_on) {
  std::mt19937_64 random{options.seed};
  auto tried = attempt(net, vocabulary, make_prompt(vocabulary, options, net.context() / 2 - 1), options.temperature,
                       random, go_on);
  if (!tried) return tl::make_unexpected(tried.error());
  if (repeats(*tried) || unlikely(*tried) || unsure(*tried) || !tried->ended || goes_on(vocabulary, *tried, seconds))
    return std::nullopt;
  return std::move(*tried);
}

Expected<Decoded> decode_window(WhisperNet& net, const WhisperVocabulary& vocabulary, const DecodeOptions& options,
                                const GoOn& go_on) {
  const Prompt prompt = make_prompt(vocabulary, options, net.context() / 2 - 1);
  std::mt19937_64 random{options.seed};
  std::optional<Decoded> best;
  // The last circle may have been cut already: of tries that all look wrong, the likeliest that does not repeat itself.
  const auto better = [](const Decoded& a, const Decoded& b) {
    return repeats(a) != repeats(b) ? repeats(b) : a.avg_logprob > b.avg_logprob;
  };
  for (float temperature = options.temperature;; temperature = std::min(1.0F, temperature + kWarmer)) {
    auto tried = attempt(net, vocabulary, prompt, temperature, random, go_on);
    if (!tried) return tried;
    tried->silent = tried->no_speech_prob > kNoSpeech && unlikely(*tried);
    if (tried->silent || (!repeats(*tried) && !unlikely(*tried))) return tried;
    if (!best || better(*tried, *best)) best = std::move(*tried);
    if (temperature >= 1) return std::move(*best);
  }
}

Expected<DetectedLanguage> detect_language(WhisperNet& net, const WhisperVocabulary& vocabulary) {
  net.restart();
  const TokenId start = vocabulary.specials().start;
  const std::array<std::size_t, 1> row{0};
  auto logits = net.step({&start, 1}, row);
  if (!logits) return tl::make_unexpected(logits.error());
  std::vector<float> scores;
  DetectedLanguage best;
  float highest = -INFINITY;
  for (const auto& [code, token] : vocabulary.specials().languages) {
    const float score = (*logits)[static_cast<std::size_t>(token)];
    scores.push_back(score);
    if (score > highest) {
      highest = score;
      best.code = code;
    }
  }
  best.probability = std::exp(highest - log_sum_exp(scores));
  return best;
}

}  // namespace zenith::media
