#include "zenith/core/effects.hpp"

#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace zenith {
namespace {

TEST(Effects, RequestIdsAreUniqueAcrossThreadsAndNeverZero) {
  const auto effects = system_effects();
  std::vector<std::vector<RequestId>> drawn(4);
  {
    std::vector<std::jthread> threads;
    for (auto& mine : drawn) {
      threads.emplace_back([&] {
        for (int i = 0; i < 2000; ++i) mine.push_back(effects->next_request_id());
      });
    }
  }
  std::set<RequestId> all;
  for (const auto& mine : drawn) all.insert(mine.begin(), mine.end());
  EXPECT_EQ(all.size(), 8000U);
  EXPECT_FALSE(all.contains(RequestId{}));
}

TEST(Effects, SeedsDiffer) {
  const auto one = system_effects(), two = system_effects();
  std::set<std::uint64_t> seeds;
  for (int i = 0; i < 1000; ++i) seeds.insert({one->random_seed(), two->random_seed()});
  EXPECT_EQ(seeds.size(), 2000U);
}

TEST(Effects, AFakeClockMovesOnlyWhenTold) {
  FakeEffects effects;
  const Deadline deadline{effects.clock().now() + std::chrono::milliseconds(50)};
  EXPECT_FALSE(deadline.passed(effects.clock().now()));
  EXPECT_EQ(deadline.left(effects.clock().now()), std::chrono::milliseconds(50));
  effects.fake_clock.advance(std::chrono::milliseconds(50));
  EXPECT_TRUE(deadline.passed(effects.clock().now()));
  EXPECT_EQ(deadline.left(effects.clock().now()), Duration{0});
}

}  // namespace
}  // namespace zenith
