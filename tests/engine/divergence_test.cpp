#include "zenith/models/engine/divergence.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>

namespace zenith::models {
namespace {

using Row = std::array<float, 3>;

TEST(Divergence, of_two_known_distributions) {
  // p = (1/2, 1/4, 1/4) as logits with an offset, q uniform: KL = log 3 - 1.5 log 2.
  const Row p{std::log(2.0F) + 7, 7, 7}, q{1, 1, 1};
  Divergence divergence;
  ASSERT_TRUE(divergence.add(p, q, 1));
  const auto out = divergence.summary();
  EXPECT_NEAR(out.kl_mean, std::log(3.0) - 1.5 * std::log(2.0), 1e-6);
  EXPECT_EQ(out.kl_p99, out.kl_max);
  EXPECT_NEAR(out.base_perplexity, 4, 1e-5);
  EXPECT_EQ(out.top1_agreement, 1) << "the lowest id among equals";
  EXPECT_EQ(out.positions, 1u);
}

TEST(Divergence, what_the_base_thinks_impossible_costs_nothing) {
  constexpr float kNever = -std::numeric_limits<float>::infinity();
  Divergence divergence;
  ASSERT_TRUE(divergence.add(Row{0, 0, kNever}, Row{0, 0, 0}, 0));
  EXPECT_NEAR(divergence.summary().kl_mean, std::log(1.5), 1e-9);
  ASSERT_TRUE(divergence.add(Row{0, 0, 0}, Row{0, 0, kNever}, 0));
  EXPECT_TRUE(std::isinf(divergence.summary().kl_max)) << "the other way round nothing bounds it";
}

TEST(Divergence, the_quantile_interpolates_and_agreement_is_a_share) {
  Divergence divergence;
  for (int i = 0; i < 99; ++i) ASSERT_TRUE(divergence.add(Row{1, 0, 0}, Row{1, 0, 0}, 0));
  ASSERT_TRUE(divergence.add(Row{9, 0, 0}, Row{0, 9, 0}, 0));
  const auto out = divergence.summary();
  EXPECT_NEAR(out.kl_p99, 0.01 * out.kl_max, 1e-12);
  EXPECT_DOUBLE_EQ(out.top1_agreement, 0.99);
}

TEST(Divergence, rows_that_are_no_distribution_are_refused) {
  const float nan = std::nanf(""), inf = std::numeric_limits<float>::infinity();
  Divergence divergence;
  for (const Row& bad : {Row{nan, 0, 0}, Row{0, nan, 0}, Row{0, inf, 0}, Row{-inf, -inf, -inf}}) {
    EXPECT_EQ(divergence.add(bad, Row{}, 0).error().code, Errc::bad_file);
    EXPECT_EQ(divergence.add(Row{}, bad, 0).error().code, Errc::internal);
  }
  EXPECT_EQ(divergence.summary().positions, 0u);
}

}  // namespace
}  // namespace zenith::models
