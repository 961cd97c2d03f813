#include "whisper_rules.hpp"

#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace zenith::media {
namespace {

constexpr double kStep = 0.02;            // seconds of a timestamp
constexpr std::size_t kLatestFirst = 50;  // 1 s
constexpr float kNever = -std::numeric_limits<float>::infinity();

void forbid(std::span<float> logits, std::size_t from, std::size_t to) {
  for (std::size_t i = from; i < std::min(to, logits.size()); ++i) logits[i] = kNever;
}

}  // namespace

float log_sum_exp(std::span<const float> x) noexcept {
  const float top = x.empty() ? kNever : *std::max_element(x.begin(), x.end());
  if (!std::isfinite(top)) return top;
  float sum = 0;
  for (const float v : x) sum += std::exp(v - top);
  return top + std::log(sum);
}

void apply_rules(std::span<float> logits, const WhisperVocabulary& vocabulary, std::span<const TokenId> sampled) {
  const WhisperSpecials& s = vocabulary.specials();
  const auto stamps = static_cast<std::size_t>(s.timestamps), end = static_cast<std::size_t>(s.end);
  const auto at = [&](TokenId token) -> float& { return logits[static_cast<std::size_t>(token)]; };
  for (const TokenId token : s.never) at(token) = kNever;
  at(s.no_timestamps) = kNever;
  if (sampled.empty()) {
    for (const TokenId token : s.not_first) at(token) = kNever;
    forbid(logits, 0, stamps);
    forbid(logits, stamps + kLatestFirst + 1, logits.size());
    return;
  }
  const bool last = vocabulary.is_timestamp(sampled.back());
  const bool before = sampled.size() < 2 || vocabulary.is_timestamp(sampled[sampled.size() - 2]);
  if (last && before) forbid(logits, stamps, logits.size());
  if (last && !before) forbid(logits, 0, end);
  const auto latest =
      std::find_if(sampled.rbegin(), sampled.rend(), [&](TokenId t) { return vocabulary.is_timestamp(t); });
  if (latest != sampled.rend()) {
    // A pair may begin where the last ended; its end lies behind its beginning, or windows would never end.
    forbid(logits, stamps, static_cast<std::size_t>(*latest) + (last && !before ? 0 : 1));
  }
  const float likeliest = *std::max_element(logits.begin(), logits.begin() + static_cast<std::ptrdiff_t>(stamps));
  if (log_sum_exp(logits.subspan(stamps)) > likeliest) forbid(logits, 0, stamps);
}

std::size_t circling(std::span<const TokenId> tokens) noexcept {
  constexpr std::size_t kLongest = 32, kTimes = 4, kTokens = 16;
  for (std::size_t period = 1; period <= kLongest && period * kTimes <= tokens.size(); ++period) {
    std::size_t same = 0;
    while (same + period < tokens.size() &&
           tokens[tokens.size() - 1 - same] == tokens[tokens.size() - 1 - same - period]) {
      ++same;
    }
    if (same + period >= std::max(period * kTimes, kTokens)) return same;
  }
  return 0;
}

std::vector<Spoken> cut_at_timestamps(const WhisperVocabulary& vocabulary, std::span<const TokenId> tokens,
                                      double seconds, double& next) {
  const auto time = [&](TokenId token) {
    return kStep * static_cast<double>(token - vocabulary.specials().timestamps);
  };
  const auto stamp = [&](std::size_t i) { return vocabulary.is_timestamp(tokens[i]); };
  std::vector<Spoken> out;
  next = seconds;
  if (tokens.empty()) return out;
  const std::size_t n = tokens.size();
  const bool ends_whole = n >= 2 && stamp(n - 1) && !stamp(n - 2);
  std::vector<std::size_t> cuts;
  for (std::size_t i = 1; i < n; ++i) {
    if (stamp(i) && stamp(i - 1)) cuts.push_back(i);
  }
  const auto piece = [&](std::size_t from, std::size_t to, double start, double end) {
    out.push_back(
        {std::min(start, seconds),
         std::min(std::max(start, end), seconds),
         {tokens.begin() + static_cast<std::ptrdiff_t>(from), tokens.begin() + static_cast<std::ptrdiff_t>(to)}});
  };
  if (cuts.empty()) {
    const auto last =
        std::find_if(tokens.rbegin(), tokens.rend(), [&](TokenId t) { return vocabulary.is_timestamp(t); });
    const bool has_end =
        last != tokens.rend() && last != tokens.rend() - 1 && *last != vocabulary.specials().timestamps;
    piece(0, n, stamp(0) ? time(tokens[0]) : 0, has_end ? time(*last) : seconds);
    return out;
  }
  if (ends_whole) cuts.push_back(n);
  std::size_t from = 0;
  for (const std::size_t to : cuts) {
    piece(from, to, stamp(from) ? time(tokens[from]) : 0, time(tokens[to - 1]));
    from = to;
  }
  if (!ends_whole) next = std::min(time(tokens[from - 1]), seconds);
  return out;
}

double compression_ratio(const std::string& text) {
  if (text.empty()) return 0;
  uLongf size = compressBound(text.size());
  std::vector<Bytef> out(size);
  if (compress(out.data(), &size, reinterpret_cast<const Bytef*>(text.data()), text.size()) != Z_OK) return 0;
  return static_cast<double>(text.size()) / static_cast<double>(size);
}

}  // namespace zenith::media
