// A job that does not get on ends the process; one that beats, or ends, does not.
#include "watchdog.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <future>

#include "zenith/services/heartbeat.hpp"

namespace zenith::mediahost {
namespace {

using std::chrono::milliseconds;

constexpr JobLimits kShort{milliseconds{60'000}, milliseconds{700}};
constexpr int kNice = 11;

struct Bites {
  std::promise<std::string> promise;
  std::future<std::string> bitten = promise.get_future();
  std::function<void(const std::string&)> bite() {
    return [this](const std::string& name) { promise.set_value(name); };
  }
};

TEST(watchdog, bites_for_a_job_that_does_not_get_on) {
  Bites bites;
  const auto watchdog = Watchdog::start(kShort, kNice, bites.bite());
  const auto idle = watchdog->worker("idle"), stuck = watchdog->worker("stuck");
  std::promise<void> release;
  ASSERT_TRUE(stuck->submit([&] { release.get_future().wait(); }));
  ASSERT_EQ(bites.bitten.wait_for(std::chrono::seconds{20}), std::future_status::ready);
  EXPECT_EQ(bites.bitten.get(), "stuck");
  release.set_value();
  stuck->stop();
}

TEST(watchdog, counts_compute_too) {
  Bites bites;
  const auto watchdog = Watchdog::start({milliseconds{300}, milliseconds{600'000}}, kNice, bites.bite());
  const auto worker = watchdog->worker("busy");
  std::atomic<bool> over = false;
  ASSERT_TRUE(worker->submit([&] {
    while (!over) {
    }
  }));
  EXPECT_EQ(bites.bitten.wait_for(std::chrono::seconds{60}), std::future_status::ready);
  over = true;
  worker->stop();
}

TEST(watchdog, lets_a_long_job_be_that_beats) {
  Bites bites;
  const auto watchdog = Watchdog::start(kShort, kNice, bites.bite());
  const auto worker = watchdog->worker("long");
  std::promise<void> done;
  ASSERT_TRUE(worker->submit([&] {
    const auto end = std::chrono::steady_clock::now() + milliseconds{2500};
    while (std::chrono::steady_clock::now() < end) {
      services::beat();
      std::this_thread::yield();
    }
    done.set_value();
  }));
  done.get_future().wait();
  EXPECT_EQ(bites.bitten.wait_for(milliseconds{0}), std::future_status::timeout);
  worker->stop();
}

TEST(watchdog, jobs_give_way_as_much_as_was_said_and_no_other_thread_does) {
  Bites bites;
  const auto watchdog = Watchdog::start(kShort, kNice, bites.bite());
  const auto worker = watchdog->worker("worker");
  const int before = getpriority(PRIO_PROCESS, 0);
  std::promise<int> nice;
  ASSERT_TRUE(worker->submit([&] { nice.set_value(getpriority(PRIO_PROCESS, 0)); }));
  EXPECT_EQ(nice.get_future().get(), std::max(before, kNice));
  EXPECT_EQ(getpriority(PRIO_PROCESS, 0), before);
}

}  // namespace
}  // namespace zenith::mediahost
