#include "zenith/actors/timers.hpp"

#include <gtest/gtest.h>

namespace zenith::actors {
namespace {

using namespace std::chrono_literals;

TEST(timers, due_alarms_come_in_order_of_time) {
  Timers timers;
  std::string rang;
  EXPECT_TRUE(timers.at(Instant{20ms}, [&] { rang += 'b'; }).first);
  EXPECT_TRUE(timers.at(Instant{10ms}, [&] { rang += 'a'; }).first);
  EXPECT_FALSE(timers.at(Instant{30ms}, [&] { rang += 'c'; }).first);
  EXPECT_EQ(timers.next(), Instant{10ms});
  for (const auto& alarm : timers.take_due(Instant{20ms})) alarm();
  EXPECT_EQ(rang, "ab");
  EXPECT_EQ(timers.size(), 1u);
}

TEST(timers, a_cancelled_alarm_leaves_nothing_behind) {
  Timers timers;
  const auto held = std::make_shared<int>(1);
  const auto id = timers.at(Instant{1s}, [held] {}).id;
  EXPECT_EQ(held.use_count(), 2);
  timers.cancel(id);
  timers.cancel(id);
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_FALSE(timers.next().has_value());
}

}  // namespace
}  // namespace zenith::actors
