// Threads that share work: every item once, several at once, an end when one fails or nobody waits.
#include "crew.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <latch>
#include <set>
#include <stdexcept>
#include <vector>

namespace zenith::media {
namespace {

const StillWanted kAlways = [] { return true; };

class Crews : public ::testing::TestWithParam<int> {};
TEST_P(Crews, every_item_is_done_once) {
  Crew crew(GetParam());
  for (const std::size_t count : {0U, 1U, 2U, 100U}) {
    std::vector<std::atomic<int>> done(count);
    const auto each = [&](std::size_t item, std::size_t thread) -> Status {
      EXPECT_LT(thread, static_cast<std::size_t>(GetParam()));
      ++done[item];
      return {};
    };
    EXPECT_TRUE(crew.for_each(count, kAlways, each));
    for (const auto& times : done) EXPECT_EQ(times, 1);
  }
}

TEST_P(Crews, the_first_failure_ends_it) {
  Crew crew(GetParam());
  std::atomic<int> begun{0};
  const auto ended = crew.for_each(10'000, kAlways, [&](std::size_t item, std::size_t) -> Status {
    ++begun;
    if (item != 3) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return item == 3 ? Status{fail(Errc::bad_file, "the third")} : Status{};
  });
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().message, "the third");
  EXPECT_LT(begun, 10'000);
  EXPECT_TRUE(crew.for_each(1, kAlways, [](auto, auto) -> Status { return {}; })) << "it works again";
}

TEST_P(Crews, what_throws_is_a_failure) {
  Crew crew(GetParam());
  const auto ended = crew.for_each(8, kAlways, [](auto, auto) -> Status { throw std::runtime_error("no memory"); });
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, Errc::internal);
  EXPECT_EQ(ended.error().message, "no memory");
}

TEST_P(Crews, stops_when_nobody_waits_and_asks_in_one_thread_only) {
  Crew crew(GetParam());
  std::atomic<bool> running{false};
  std::set<std::thread::id> asking;
  int asked = 0;
  const auto wanted = [&] {
    asking.insert(std::this_thread::get_id());
    return ++asked < 3;
  };
  const auto slow = [&](auto, auto) -> Status {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    running = true;
    return {};
  };
  const auto ended = crew.for_each(100'000, wanted, slow);
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, Errc::cancelled);
  EXPECT_EQ(asked, 3);
  EXPECT_EQ(asking, std::set{std::this_thread::get_id()});
  running = false;
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_FALSE(running) << "an item runs after the end";
}
INSTANTIATE_TEST_SUITE_P(media, Crews, ::testing::Values(1, 2, 4));

TEST(crew, items_run_beside_each_other) {
  Crew crew(3);
  std::latch all{3};
  const auto meet = [&](auto, auto) -> Status {
    all.count_down();
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!all.try_wait() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    return all.try_wait() ? Status{} : Status{fail(Errc::deadline, "nobody else came")};
  };
  EXPECT_TRUE(crew.for_each(3, kAlways, meet));
}

}  // namespace
}  // namespace zenith::media
