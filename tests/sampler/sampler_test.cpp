// The sampler against a plain double-precision one, and its distribution against the probabilities.
#include "zenith/models/sampler/sampler.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <random>

namespace zenith::models {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

SamplingParams with(auto&& change) {
  SamplingParams params;
  change(params);
  return params;
}

TokenId pick(const SamplingParams& params, std::vector<float> logits, std::span<const std::int32_t> allowed = {},
             std::vector<TokenId> eog = {}) {
  return Sampler{params, {}, eog, 1}.sample(logits, allowed);
}

std::vector<float> normal_logits(std::size_t count, unsigned seed, float spread = 3) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal(0, spread);
  std::vector<float> out(count);
  for (float& v : out) v = normal(engine);
  return out;
}

// Probabilities by a full sort, in the documented order: top-k, top-p, min-p, temperature.
std::vector<double> reference(const SamplingParams& params, const std::vector<float>& logits) {
  std::vector<std::size_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return logits[a] > logits[b]; });
  if (params.top_k > 0) order.resize(std::min<std::size_t>(order.size(), static_cast<std::size_t>(params.top_k)));
  const double max = logits[order[0]];
  double total = 0;
  for (const auto id : order) total += std::exp(logits[id] - max);
  if (params.top_p < 1) {
    double reached = 0;
    std::size_t count = 0;
    while (count < order.size() && (count == 0 || reached < static_cast<double>(params.top_p) * total))
      reached += std::exp(logits[order[count++]] - max);
    order.resize(count);
  }
  std::vector<double> out(logits.size(), 0.0);
  double sum = 0;
  for (const auto id : order) {
    if (std::exp(logits[id] - max) < static_cast<double>(params.min_p) * (1 - 1e-6)) continue;
    out[id] = std::exp((logits[id] - max) / static_cast<double>(params.temperature));
    sum += out[id];
  }
  for (double& p : out) p /= sum;
  return out;
}

TEST(sampler, greedy_takes_the_lowest_id_of_a_tie) {
  const auto greedy = with([](auto& p) { p.temperature = 0; });
  EXPECT_EQ(pick(greedy, {1, 3, 3, 2}), 1);
  EXPECT_EQ(pick(greedy, {-kInf, -5, -kInf}), 1);
}

TEST(sampler, broken_logits_are_survived) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto greedy = with([](auto& p) { p.temperature = 0; });
  EXPECT_EQ(pick(greedy, {nan, 1, nan}), 1);
  EXPECT_EQ(pick(greedy, {0, kInf, kInf}), 1);
  EXPECT_EQ(pick(greedy, {nan, nan}), 0);
  EXPECT_EQ(pick({}, {nan, -kInf, 2, nan}), 2);
  EXPECT_EQ(pick({}, {0, kInf, 0}), 1);
  const std::int32_t third = 0b100;
  EXPECT_EQ(pick({}, {nan, nan, nan}, {&third, 1}), 2);
  for (const float t : {1e-30F, 1e-6F, 1e30F}) {
    const TokenId id = pick(with([&](auto& p) { p.temperature = t, p.top_p = 0.5F, p.top_k = 2, p.min_p = 0.1F; }),
                            {1, 5, nan, 4, kInf});
    EXPECT_EQ(id, 4);
  }
}

struct Mix {
  const char* name;
  float temperature, top_p, min_p;
  int top_k;
};
class Distribution : public testing::TestWithParam<Mix> {};

// Pearson's statistic over 20,000 draws at fixed seeds; what has no probability is never drawn.
TEST_P(Distribution, is_the_reference_s) {
  const auto params = with([](auto& p) {
    p.temperature = GetParam().temperature;
    p.top_p = GetParam().top_p;
    p.min_p = GetParam().min_p;
    p.top_k = GetParam().top_k;
    p.seed = 1234;
  });
  const auto logits = normal_logits(60, 7, 1.5F);
  const auto expected = reference(params, logits);
  std::vector<int> seen(logits.size(), 0);
  Sampler sampler{params, {}, {}, 0};
  constexpr int kDraws = 20000;
  for (int i = 0; i < kDraws; ++i) {
    auto copy = logits;
    const TokenId id = sampler.sample(copy);
    ++seen[static_cast<std::size_t>(id)];
    sampler.accept(id);
  }
  double statistic = 0;
  int cells = -1;
  double rare_expected = 0, rare_seen = 0;
  for (std::size_t id = 0; id < logits.size(); ++id) {
    if (expected[id] == 0) {
      EXPECT_EQ(seen[id], 0) << id;
    } else if (expected[id] * kDraws < 5) {
      rare_expected += expected[id] * kDraws;
      rare_seen += seen[id];
    } else {
      statistic += std::pow(seen[id] - expected[id] * kDraws, 2) / (expected[id] * kDraws);
      ++cells;
    }
  }
  if (rare_expected > 5) {
    statistic += std::pow(rare_seen - rare_expected, 2) / rare_expected;
    ++cells;
  }
  // Mean `cells`, deviation sqrt(2 cells): four deviations.
  EXPECT_LT(statistic, cells + 4 * std::sqrt(2.0 * std::max(cells, 1)) + 1e-9);
}

INSTANTIATE_TEST_SUITE_P(sampler, Distribution,
                         testing::Values(Mix{"plain", 1, 1, 0, 0}, Mix{"hot", 2.5F, 1, 0, 0},
                                         Mix{"cold", 0.3F, 1, 0, 0}, Mix{"top_k", 1, 1, 0, 5},
                                         Mix{"top_k_1", 1, 1, 0, 1}, Mix{"top_p", 1, 0.8F, 0, 0},
                                         Mix{"top_p_tiny", 1, 1e-4F, 0, 0}, Mix{"min_p", 1, 1, 0.2F, 0},
                                         Mix{"all", 0.7F, 0.9F, 0.05F, 20}, Mix{"k_over_vocab", 1, 0.9F, 0, 500}),
                         [](const auto& i) { return std::string{i.param.name}; });

TEST(sampler, cuts_keep_exactly_what_a_full_sort_keeps) {
  for (const std::size_t vocab : {1000U, 50000U}) {
    for (const auto& [k, p, m] : std::vector<std::tuple<int, float, float>>{
             {40, 1.0F, 0.0F}, {0, 0.95F, 0.0F}, {0, 1.0F, 0.05F}, {40, 0.95F, 0.05F}, {900, 0.999F, 0.0F}}) {
      const auto params = with([&, k = k, p = p, m = m](auto& s) { s.top_k = k, s.top_p = p, s.min_p = m; });
      auto logits = normal_logits(vocab, 3);
      // Ties at the cut: coarse values.
      for (float& v : logits) v = std::round(v * 8) / 8;
      const auto expected = reference(params, logits);
      std::map<TokenId, int> seen;
      for (std::uint64_t seed = 0; seed < 60; ++seed) {
        auto copy = logits;
        const TokenId id = Sampler{params, {}, {}, seed}.sample(copy);
        EXPECT_GT(expected[static_cast<std::size_t>(id)], 0) << vocab << " " << k << " " << p << " " << m;
      }
    }
  }
}

TEST(sampler, the_same_position_draws_the_same_number) {
  const auto logits = normal_logits(500, 1, 1);
  Sampler a{{}, {}, {}, 99}, b{{}, {}, {}, 99}, other{{}, {}, {}, 100};
  std::vector<TokenId> first, again, others;
  for (int i = 0; i < 30; ++i) {
    auto x = logits, y = logits, z = logits;
    const TokenId id = a.sample(x);
    EXPECT_EQ(id, b.sample(y));
    y = logits;
    EXPECT_EQ(id, b.sample(y)) << "sampling twice changes nothing";
    a.accept(id);
    b.accept(id);
    first.push_back(id);
    others.push_back(other.sample(z));
    other.accept(others.back());
  }
  EXPECT_NE(first, others);
  b.rollback(30);
  EXPECT_EQ(b.generated(), 0U);
  for (int i = 0; i < 30; ++i) {
    auto y = logits;
    again.push_back(b.sample(y));
    b.accept(again.back());
  }
  EXPECT_EQ(first, again);
}

TEST(sampler, a_seed_in_the_request_wins) {
  const auto logits = normal_logits(500, 1, 1);
  const auto params = with([](auto& p) { p.seed = 5; });
  auto x = logits, y = logits;
  EXPECT_EQ((Sampler{params, {}, {}, 1}.sample(x)), (Sampler{params, {}, {}, 2}.sample(y)));
}

TEST(sampler, penalties_by_hand) {
  // Prompt 0 1, generated 2 2 3: repeat hits 0 1 2 3 once each, presence and frequency the generated ones.
  const auto params = with(
      [](auto& p) { p.temperature = 0, p.repeat_penalty = 2, p.presence_penalty = 0.5F, p.frequency_penalty = 0.25F; });
  const std::vector<TokenId> prompt{0, 1};
  Sampler sampler{params, prompt, {}, 0};
  for (const TokenId id : {2, 2, 3}) sampler.accept(id);
  std::vector<float> logits{4, -4, 4, -4, 4};
  EXPECT_EQ(sampler.sample(logits), 4);
  EXPECT_EQ(logits, (std::vector<float>{2, -8, 2 - 0.5F - 2 * 0.25F, -8 - 0.5F - 0.25F, 4}));
  sampler.rollback(2);
  logits = {4, -4, 4, -4, 4};
  sampler.sample(logits);
  EXPECT_EQ(logits, (std::vector<float>{2, -8, 2 - 0.5F - 0.25F, -4, 4}));
}

TEST(sampler, repeat_penalty_looks_back_64_tokens) {
  const auto params = with([](auto& p) { p.temperature = 0, p.repeat_penalty = 2; });
  std::vector<TokenId> prompt(65, 1);
  prompt[0] = 0;
  std::vector<float> logits{4, 4};
  Sampler sampler{params, prompt, {}, 0};
  EXPECT_EQ(sampler.sample(logits), 0);
  EXPECT_EQ(logits, (std::vector<float>{4, 2}));
}

TEST(sampler, bias_is_added_and_ids_out_of_range_are_ignored) {
  const auto params =
      with([](auto& p) { p.temperature = 0, p.logit_bias = {{1, 5.0F}, {0, -100.0F}, {-1, 50.0F}, {99, 50.0F}}; });
  std::vector<float> logits{3, 0, 2};
  EXPECT_EQ((Sampler{params, {}, {}, 0}.sample(logits)), 1);
  EXPECT_EQ(logits, (std::vector<float>{-97, 5, 2}));
}

TEST(sampler, only_allowed_tokens_are_drawn) {
  std::vector<std::int32_t> mask(4, 0);
  const std::vector<TokenId> open{0, 31, 32, 63, 64, 99};
  for (const TokenId id : open) mask[static_cast<std::size_t>(id / 32)] |= static_cast<std::int32_t>(1U << (id % 32));
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    auto logits = normal_logits(100, 5);
    const TokenId id = Sampler{{}, {}, {}, seed}.sample(logits, mask);
    EXPECT_TRUE(std::find(open.begin(), open.end(), id) != open.end()) << id;
  }
  EXPECT_EQ(pick(with([](auto& p) { p.temperature = 0; }), {9, 1, 5}, std::vector<std::int32_t>{0b110}), 2);
}

TEST(sampler, ends_are_ignored_unless_nothing_else_is_allowed) {
  const auto params = with([](auto& p) { p.temperature = 0, p.ignore_eos = true; });
  EXPECT_EQ(pick(params, {9, 8, 1}, {}, {0, 1, 77, -1}), 2);
  EXPECT_EQ(pick(params, {9, 8, 1}, std::vector<std::int32_t>{0b011}, {0, 1}), 0);
  EXPECT_EQ(pick(params, {9, 8, 1}, std::vector<std::int32_t>{0b111}, {0, 1}), 2);
}

TEST(top_logprobs, are_those_of_the_softmax) {
  const auto logits = normal_logits(2000, 11);
  double total = 0;
  for (const float v : logits) total += std::exp(static_cast<double>(v));
  TokenLogprob chosen;
  const auto best = top_logprobs(logits, 20, 17, chosen);
  ASSERT_EQ(best.size(), 20U);
  EXPECT_EQ(chosen.id, 17);
  EXPECT_NEAR(chosen.logprob, logits[17] - std::log(total), 1e-5);
  for (std::size_t i = 0; i < best.size(); ++i) {
    EXPECT_NEAR(best[i].logprob, logits[static_cast<std::size_t>(best[i].id)] - std::log(total), 1e-5);
    if (i > 0) {
      EXPECT_GE(best[i - 1].logprob, best[i].logprob);
    }
  }
  EXPECT_EQ(best[0].id, std::max_element(logits.begin(), logits.end()) - logits.begin());
}

TEST(top_logprobs, ties_and_broken_logits) {
  TokenLogprob chosen;
  const std::vector<float> logits{1, 2, 2, std::numeric_limits<float>::quiet_NaN(), 2};
  const auto best = top_logprobs(logits, 10, 3, chosen);
  std::vector<TokenId> ids;
  for (const auto& b : best) ids.push_back(b.id);
  EXPECT_EQ(ids, (std::vector<TokenId>{1, 2, 4, 0, 3}));
  EXPECT_EQ(chosen.logprob, -kInf);
  EXPECT_TRUE(top_logprobs(logits, 0, 1, chosen).empty());
  EXPECT_NEAR(chosen.logprob, 2 - std::log(3 * std::exp(2.0) + std::exp(1.0)), 1e-6);
}

}  // namespace
}  // namespace zenith::models
