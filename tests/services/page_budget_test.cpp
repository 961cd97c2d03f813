#include "zenith/services/text/page_budget.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace zenith::services {
namespace {

constexpr SequenceId kA{1}, kB{2}, kC{3};

TEST(page_budget, more_is_promised_than_there_is_but_never_given) {
  PageBudget budget(10);
  EXPECT_TRUE(budget.open(kA, 2, 8));
  EXPECT_TRUE(budget.open(kB, 2, 8));
  EXPECT_EQ(budget.used(), 4u);
  EXPECT_TRUE(budget.grow(kA, 4));   // A still needs 4, and 4 are free
  EXPECT_FALSE(budget.grow(kB, 3));  // then neither could be sure to end
  EXPECT_TRUE(budget.grow(kA, 8));
  budget.close(kA);
  EXPECT_TRUE(budget.grow(kB, 8));
}

TEST(page_budget, what_can_never_fit_is_refused) {
  PageBudget budget(10);
  EXPECT_FALSE(budget.open(kA, 1, 11));
  EXPECT_EQ(budget.used(), 0u);
}

TEST(page_budget, growing_past_the_promise_is_refused) {
  PageBudget budget(10);
  EXPECT_TRUE(budget.open(kA, 1, 3));
  EXPECT_FALSE(budget.grow(kA, 4));
  EXPECT_FALSE(budget.grow(kC, 1));
}

TEST(page_budget, under_random_growth_somebody_can_always_go_on_and_all_pages_come_back) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    std::mt19937_64 random(seed);
    PageBudget budget(32);
    struct One {
      SequenceId id;
      std::uint32_t held, most;
    };
    std::vector<One> live;
    std::uint64_t next = 1;
    for (int turn = 0; turn < 300; ++turn) {
      if (random() % 3 == 0) {
        const One one{SequenceId{next++}, 1 + static_cast<std::uint32_t>(random() % 3),
                      4 + static_cast<std::uint32_t>(random() % 28)};
        if (budget.open(one.id, one.held, one.most)) live.push_back(one);
      }
      bool moved = live.empty();
      for (std::size_t i = 0; i < live.size(); ++i) {
        if (live[i].held < live[i].most && !budget.grow(live[i].id, live[i].held + 1)) continue;
        moved = true;
        if (++live[i].held > live[i].most) {
          budget.close(live[i].id);
          live.erase(live.begin() + static_cast<std::ptrdiff_t>(i--));
        }
      }
      ASSERT_TRUE(moved) << "all are stuck, seed " << seed;
      ASSERT_LE(budget.used(), budget.total());
    }
    for (const One& one : live) budget.close(one.id);
    ASSERT_EQ(budget.used(), 0u);
  }
}

}  // namespace
}  // namespace zenith::services
