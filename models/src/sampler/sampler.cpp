#include "zenith/models/sampler/sampler.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <limits>

#include "sampler/fast_exp.hpp"

namespace zenith::models {
namespace {

constexpr float kNegInf = -std::numeric_limits<float>::infinity();
constexpr std::size_t kRepeatWindow = 64;

// Candidates are binned by their distance from the best logit, so that a cut needs no sort beyond the one bin it falls
// into.
constexpr std::size_t kBins = 640;  // of 1/16: 40 units; e^-40 is below what a sum of 10^6 weights can hold
constexpr float kBinsPerUnit = 16.0F;
constexpr std::size_t kAllBins = kBins + 1;  // the last one takes the rest, down to but without -inf

std::size_t bin_of(float below_max) noexcept {
  const float scaled = below_max * kBinsPerUnit;
  return scaled < static_cast<float>(kBins) ? static_cast<std::size_t>(scaled) : kBins;
}

// Uniform in [0, 1), a function of seed and position alone: splitmix64's finaliser over both.
double uniform_at(std::uint64_t seed, std::uint64_t position) noexcept {
  const auto mix = [](std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  };
  const std::uint64_t bits = mix(mix(seed + 0x9e3779b97f4a7c15ULL) + (position + 1) * 0x9e3779b97f4a7c15ULL);
  return static_cast<double>(bits >> 11) * 0x1.0p-53;
}

double sum(std::span<const float> values) noexcept {
  std::array<double, 8> lanes{};
  std::size_t i = 0;
  for (; i + 8 <= values.size(); i += 8) {
    for (std::size_t k = 0; k < 8; ++k) lanes[k] += static_cast<double>(values[i + k]);
  }
  double total = 0;
  for (; i < values.size(); ++i) total += static_cast<double>(values[i]);
  for (const double lane : lanes) total += lane;
  return total;
}

bool bit(std::span<const std::int32_t> mask, std::size_t id) noexcept {
  return id / 32 < mask.size() && ((static_cast<std::uint32_t>(mask[id / 32]) >> (id % 32)) & 1U) != 0;
}

void apply_mask(std::span<float> logits, std::span<const std::int32_t> allowed) noexcept {
  for (std::size_t word = 0; word * 32 < logits.size(); ++word) {
    const auto bits = word < allowed.size() ? static_cast<std::uint32_t>(allowed[word]) : 0U;
    if (bits == 0xFFFFFFFFU) continue;
    const std::size_t end = std::min(logits.size(), word * 32 + 32);
    for (std::size_t id = word * 32; id < end; ++id) {
      if (((bits >> (id % 32)) & 1U) == 0) logits[id] = kNegInf;
    }
  }
}

void make_comparable(std::span<float> logits) noexcept {
  for (float& logit : logits)
    logit =
        logit <= std::numeric_limits<float>::max() ? logit : (logit > 0 ? std::numeric_limits<float>::max() : kNegInf);
}

// Lowest id of the largest logit; -inf everywhere gives 0.
std::size_t argmax(std::span<const float> logits) noexcept {
  // Two passes: a maximum vectorises, a maximum with its place does not.
  float best = kNegInf;
  for (const float logit : logits) best = logit > best ? logit : best;
  return static_cast<std::size_t>(std::find(logits.begin(), logits.end(), best) - logits.begin());
}

// What a cut keeps: all logits above `above`, and of those equal to it the first `ties` by id.
struct Cut {
  float above = kNegInf;
  std::size_t ties = 0;
};

struct Candidate {
  float logit;
  std::size_t id;
  bool operator<(const Candidate& o) const noexcept { return logit != o.logit ? logit > o.logit : id < o.id; }
};

std::vector<Candidate> candidates_of_bin(std::span<const float> logits, float max, std::size_t bin) {
  std::vector<Candidate> found;
  for (std::size_t id = 0; id < logits.size(); ++id) {
    if (logits[id] > kNegInf && bin_of(max - logits[id]) == bin) found.push_back({logits[id], id});
  }
  std::sort(found.begin(), found.end());
  return found;
}

Cut cut_after(const std::vector<Candidate>& sorted, std::size_t count) noexcept {
  Cut cut{sorted[count - 1].logit, 0};
  for (std::size_t i = count; i-- > 0 && sorted[i].logit == cut.above;) ++cut.ties;
  return cut;
}

void drop(std::span<float> logits, Cut cut) noexcept {
  for (float& logit : logits) {
    if (logit > cut.above) continue;
    if (logit == cut.above && cut.ties > 0) {
      --cut.ties;
    } else {
      logit = kNegInf;
    }
  }
}

void keep_top_k(std::span<float> logits, float max, std::size_t k) {
  std::array<std::size_t, kAllBins> counts{};
  for (const float logit : logits) {
    if (logit > kNegInf) ++counts[bin_of(max - logit)];
  }
  std::size_t before = 0;
  for (std::size_t bin = 0; bin < kAllBins; ++bin) {
    if (before + counts[bin] >= k) {
      drop(logits, cut_after(candidates_of_bin(logits, max, bin), k - before));
      return;
    }
    before += counts[bin];
  }
}

// The smallest set of the most probable tokens whose probabilities reach top_p.
void keep_top_p(std::span<float> logits, float max, float top_p, std::vector<float>& weights) {
  std::array<double, kAllBins> mass{};
  for (std::size_t id = 0; id < logits.size(); ++id) weights[id] = fast_exp(logits[id] - max);
  for (std::size_t id = 0; id < logits.size(); ++id) {
    if (logits[id] > kNegInf) mass[bin_of(max - logits[id])] += static_cast<double>(weights[id]);
  }
  double total = 0;
  for (const double m : mass) total += m;
  const double wanted = static_cast<double>(top_p) * total;
  double before = 0;
  for (std::size_t bin = 0; bin < kAllBins; ++bin) {
    if (mass[bin] > 0 && before + mass[bin] >= wanted) {
      const auto sorted = candidates_of_bin(logits, max, bin);
      std::size_t count = 0;
      double reached = before;
      while (count < sorted.size() && (count == 0 || reached < wanted)) {
        reached += static_cast<double>(weights[sorted[count++].id]);
      }
      drop(logits, cut_after(sorted, count));
      return;
    }
    before += mass[bin];
  }
}

}  // namespace

Sampler::Sampler(const SamplingParams& params, std::span<const TokenId> prompt,
                 std::span<const TokenId> end_of_generation, std::uint64_t seed)
    : params_(params),
      end_of_generation_(end_of_generation.begin(), end_of_generation.end()),
      history_(prompt.begin(), prompt.end()),
      prompt_tokens_(prompt.size()),
      seed_(params.seed.value_or(seed)) {}

void Sampler::penalise(std::span<float> logits) const {
  const auto known = [&](TokenId id) { return id >= 0 && static_cast<std::size_t>(id) < logits.size(); };
  for (const auto& [id, bias] : params_.logit_bias) {
    if (known(id)) logits[static_cast<std::size_t>(id)] += bias;
  }
  if (params_.repeat_penalty != 1.0F) {
    const std::size_t window = std::min(kRepeatWindow, history_.size());
    std::vector<TokenId> recent(history_.end() - static_cast<std::ptrdiff_t>(window), history_.end());
    std::sort(recent.begin(), recent.end());
    recent.erase(std::unique(recent.begin(), recent.end()), recent.end());
    for (const TokenId id : recent) {
      if (!known(id)) continue;
      float& logit = logits[static_cast<std::size_t>(id)];
      logit = logit > 0 ? logit / params_.repeat_penalty : logit * params_.repeat_penalty;
    }
  }
  if (params_.presence_penalty != 0.0F || params_.frequency_penalty != 0.0F) {
    for (const auto& [id, count] : counts_) {
      if (known(id)) {
        logits[static_cast<std::size_t>(id)] -=
            params_.presence_penalty + params_.frequency_penalty * static_cast<float>(count);
      }
    }
  }
}

void Sampler::mask(std::span<float> logits, std::span<const std::int32_t> allowed) const {
  if (!allowed.empty()) apply_mask(logits, allowed);
  if (!params_.ignore_eos) return;
  const auto is_end = [&](std::size_t id) {
    return std::find(end_of_generation_.begin(), end_of_generation_.end(), static_cast<TokenId>(id)) !=
           end_of_generation_.end();
  };
  if (!allowed.empty()) {
    bool only_ends = true;
    for (std::size_t id = 0; id < logits.size() && only_ends; ++id) only_ends = !bit(allowed, id) || is_end(id);
    if (only_ends) return;
  }
  for (const TokenId id : end_of_generation_) {
    if (id >= 0 && static_cast<std::size_t>(id) < logits.size()) logits[static_cast<std::size_t>(id)] = kNegInf;
  }
}

TokenId Sampler::sample(std::span<float> logits, std::span<const std::int32_t> allowed) {
  assert(!logits.empty());
  penalise(logits);
  make_comparable(logits);
  mask(logits, allowed);

  const std::size_t best = argmax(logits);
  const float max = logits[best];
  if (max == kNegInf) {
    std::size_t id = 0;
    while (!allowed.empty() && id + 1 < logits.size() && !bit(allowed, id)) ++id;
    return static_cast<TokenId>(id);
  }
  if (params_.temperature <= 0.0F) return static_cast<TokenId>(best);

  weights_.resize(logits.size());
  if (params_.top_k > 0 && static_cast<std::size_t>(params_.top_k) < logits.size()) {
    keep_top_k(logits, max, static_cast<std::size_t>(params_.top_k));
  }
  if (params_.top_p < 1.0F) keep_top_p(logits, max, params_.top_p, weights_);
  const float floor = params_.min_p > 0.0F ? max + std::log(params_.min_p) : kNegInf;

  const float inverse = 1.0F / std::max(params_.temperature, 1e-6F);
  for (std::size_t id = 0; id < logits.size(); ++id) {
    weights_[id] = logits[id] >= floor ? fast_exp((logits[id] - max) * inverse) : 0.0F;
  }
  const double target = uniform_at(seed_, generated()) * sum(weights_);
  double reached = 0;
  std::size_t last = best;
  for (std::size_t id = 0; id < weights_.size(); ++id) {
    if (weights_[id] == 0.0F) continue;
    reached += static_cast<double>(weights_[id]);
    last = id;
    if (reached > target) break;
  }
  return static_cast<TokenId>(last);
}

void Sampler::accept(TokenId id) {
  history_.push_back(id);
  ++counts_[id];
}

void Sampler::rollback(std::size_t count) {
  assert(count <= generated());
  for (; count > 0; --count) {
    const auto found = counts_.find(history_.back());
    if (--found->second == 0) counts_.erase(found);
    history_.pop_back();
  }
}

std::vector<TokenLogprob> top_logprobs(std::span<const float> logits, std::size_t top, TokenId picked,
                                       TokenLogprob& chosen) {
  const auto value = [&](std::size_t id) {
    const float logit = logits[id];
    return std::isnan(logit) ? kNegInf : std::min(logit, std::numeric_limits<float>::max());
  };
  float max = kNegInf;
  for (std::size_t id = 0; id < logits.size(); ++id) max = std::max(max, value(id));
  double total = 0;
  if (max > kNegInf) {
    for (std::size_t id = 0; id < logits.size(); ++id) total += static_cast<double>(fast_exp(value(id) - max));
  }
  const double log_total = std::log(total);
  const auto logprob = [&](std::size_t id) {
    const float logit = value(id);
    return logit == kNegInf ? kNegInf
                            : static_cast<float>(static_cast<double>(logit) - static_cast<double>(max) - log_total);
  };

  // A heap of the best so far, its worst on top: nearly every logit fails the one comparison.
  std::vector<Candidate> heap;
  const std::size_t wanted = std::min(top, logits.size());
  heap.reserve(wanted);
  for (std::size_t id = 0; id < logits.size() && wanted > 0; ++id) {
    const Candidate next{value(id), id};
    if (heap.size() < wanted) {
      heap.push_back(next);
      std::push_heap(heap.begin(), heap.end());
    } else if (next < heap.front()) {
      std::pop_heap(heap.begin(), heap.end());
      heap.back() = next;
      std::push_heap(heap.begin(), heap.end());
    }
  }
  std::sort_heap(heap.begin(), heap.end());

  chosen = {picked, picked >= 0 && static_cast<std::size_t>(picked) < logits.size()
                        ? logprob(static_cast<std::size_t>(picked))
                        : kNegInf};
  std::vector<TokenLogprob> best;
  best.reserve(heap.size());
  for (const Candidate& c : heap) best.push_back({static_cast<TokenId>(c.id), logprob(c.id)});
  return best;
}

}  // namespace zenith::models
