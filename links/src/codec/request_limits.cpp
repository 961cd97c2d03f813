#include "request_limits.hpp"

#include <cmath>

namespace zenith::links {

std::string_view out_of_range(const messages::Generate& g) noexcept {
  const SamplingParams& s = g.sampling;
  // Comparisons are false for NaN.
  if (!(s.temperature >= 0) || !std::isfinite(s.temperature)) return "sampling.temperature";
  if (!(s.top_p > 0 && s.top_p <= 1)) return "sampling.top_p";
  if (!(s.min_p >= 0 && s.min_p < 1)) return "sampling.min_p";
  if (s.top_k < 0) return "sampling.top_k";
  if (!(std::abs(s.presence_penalty) <= 2)) return "sampling.presence_penalty";
  if (!(std::abs(s.frequency_penalty) <= 2)) return "sampling.frequency_penalty";
  if (!(s.repeat_penalty > 0) || !std::isfinite(s.repeat_penalty)) return "sampling.repeat_penalty";
  for (const auto& [token, bias] : s.logit_bias) {
    if (!std::isfinite(bias)) return "sampling.logit_bias";
  }
  if (g.choices < 1 || g.choices > kMaxChoices) return "choices";
  if (g.top_logprobs > kMaxTopLogprobs) return "top_logprobs";
  return {};
}

std::string_view out_of_range(const messages::Speak& s) noexcept {
  if (!(s.speed >= 0.25F && s.speed <= 4)) return "speed";
  if (s.credit_events < 1) return "credit_events";
  return {};
}

std::string_view out_of_range(const messages::Transcribe& t) noexcept {
  if (!(t.temperature >= 0 && t.temperature <= 1)) return "temperature";
  if (t.audio.empty() || t.audio.size() > messages::kMostAudioFile) return "audio";
  return {};
}

}  // namespace zenith::links
