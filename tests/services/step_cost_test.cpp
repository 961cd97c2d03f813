#include "zenith/services/text/step_cost.hpp"

#include <gtest/gtest.h>

#include <random>

namespace zenith::services {
namespace {

TEST(StepCost, before_rows_have_varied_a_row_is_an_eighth_of_a_step) {
  StepCost cost;
  EXPECT_DOUBLE_EQ(cost.worth(1), 0.125);
  for (int i = 0; i < 100; ++i) cost.add(1, 0.01);
  EXPECT_DOUBLE_EQ(cost.worth(1), 0.125);
  EXPECT_GT(cost.worth(8), 0.5);
  EXPECT_GT(cost.worth(64), 0.85) << "a full batch has nothing to gain";
}

TEST(StepCost, what_a_row_costs_is_learnt_through_noise) {
  StepCost cost;
  std::mt19937 random(3);
  for (int i = 0; i < 400; ++i) {
    const double rows = 1 + random() % 8;
    cost.add(rows, (0.010 + 0.002 * rows) * (0.95 + 0.1 * static_cast<double>(random() % 1000) / 1000));
  }
  EXPECT_NEAR(cost.worth(1), 0.002 / 0.012, 0.03);
  EXPECT_NEAR(cost.worth(8), 8 * 0.002 / 0.026, 0.05);
}

TEST(StepCost, rows_that_cost_all_are_never_worth_a_guess) {
  StepCost cost;
  for (int i = 0; i < 50; ++i) cost.add(1 + i % 6, 0.01 * (1 + i % 6));
  EXPECT_NEAR(cost.worth(1), 1, 0.01);
}

TEST(StepCost, whatever_is_measured_the_answer_is_a_chance) {
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    StepCost cost;
    for (int i = 0; i < 60; ++i) {
      cost.add(random() % 20, static_cast<double>(random() % 1000) * 1e-4);
      for (const double rows : {1.0, 5.0, 64.0}) {
        ASSERT_GE(cost.worth(rows), 0.02);
        ASSERT_LE(cost.worth(rows), 1.0);
      }
    }
  }
}

}  // namespace
}  // namespace zenith::services
