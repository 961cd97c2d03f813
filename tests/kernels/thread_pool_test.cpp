// The pool: every thread once a job, ranges that cover and do not overlap, sleep and wake.
#include "zenith/kernels/thread_pool.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "zenith/kernels/exec.hpp"

namespace zenith::kernels {
namespace {

TEST(ThreadPool, runs_the_body_once_on_each_thread_and_the_caller_is_the_first) {
  for (const int threads : {1, 2, 3, 5}) {
    ThreadPool pool{threads};
    ASSERT_EQ(pool.threads(), threads);
    std::vector<std::thread::id> seen(static_cast<std::size_t>(threads));
    std::atomic<int> calls{0};
    pool.run([&](int thread, int count) {
      EXPECT_EQ(count, threads);
      seen[static_cast<std::size_t>(thread)] = std::this_thread::get_id();
      ++calls;
    });
    EXPECT_EQ(calls, threads);
    EXPECT_EQ(seen[0], std::this_thread::get_id());
    EXPECT_EQ(std::set<std::thread::id>(seen.begin(), seen.end()).size(), seen.size());
  }
}

TEST(ThreadPool, fewer_threads_than_one_are_one) {
  ThreadPool pool{0};
  EXPECT_EQ(pool.threads(), 1);
  pool.run([](int thread, int threads) { EXPECT_EQ(thread + threads, 1); });
}

TEST(ThreadPool, what_a_job_writes_is_visible_after_it) {
  ThreadPool pool{3};
  std::vector<int> values(3);
  for (int job = 1; job <= 5000; ++job) {
    pool.run([&](int thread, int) { values[static_cast<std::size_t>(thread)] += thread + 1; });
    ASSERT_THAT(values, ::testing::ElementsAre(job, 2 * job, 3 * job));
  }
}

TEST(ThreadPool, wakes_workers_that_went_to_sleep) {
  ThreadPool pool{2};
  for (int i = 0; i < 5; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds{3});  // past the 50 us of spinning
    std::atomic<int> calls{0};
    pool.run([&](int, int) { ++calls; });
    EXPECT_EQ(calls, 2);
  }
}

TEST(ThreadPool, waits_for_a_slow_worker) {
  ThreadPool pool{2};
  std::atomic<bool> ended{false};
  pool.run([&](int thread, int) {
    if (thread == 0) return;
    std::this_thread::sleep_for(std::chrono::milliseconds{3});
    ended = true;
  });
  EXPECT_TRUE(ended);
}

TEST(ThreadPool, ranges_cover_everything_once_and_start_at_multiples_of_the_grain) {
  for (const int threads : {1, 2, 3, 7}) {
    ThreadPool pool{threads};
    for (const std::size_t count : {0, 1, 2, 7, 8, 9, 63, 64, 100}) {
      for (const std::size_t grain : {0, 1, 8, 64, 1000}) {
        std::vector<std::atomic<int>> hits(count);
        std::mutex mutex;
        int calls = 0;
        pool.for_range(count, grain, [&](std::size_t begin, std::size_t end) {
          EXPECT_LT(begin, end);
          EXPECT_LE(end, count);
          EXPECT_EQ(begin % std::max<std::size_t>(grain, 1), 0U);
          for (std::size_t i = begin; i < end; ++i) ++hits[i];
          const std::lock_guard lock{mutex};
          ++calls;
        });
        for (const auto& h : hits) EXPECT_EQ(h, 1);
        EXPECT_LE(calls, threads);
        EXPECT_EQ(calls > 0, count > 0);
      }
    }
  }
}

TEST(UsableCores, is_between_one_and_the_machine) {
  EXPECT_GE(usable_cores(), 1);
  EXPECT_LE(usable_cores(), static_cast<int>(std::thread::hardware_concurrency()));
}

TEST(Workspace, memory_is_aligned_and_apart) {
  Workspace ws;
  Workspace::Scope scope{ws};
  std::vector<std::span<std::byte>> all;
  for (const std::size_t n : {1, 63, 64, 65, 1000, 3'000'000, 5}) all.push_back(ws.take<std::byte>(n));
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(all[i].data()) % 64, 0U);
    std::fill(all[i].begin(), all[i].end(), static_cast<std::byte>(i));
  }
  for (std::size_t i = 0; i < all.size(); ++i)
    for (const std::byte b : all[i]) ASSERT_EQ(b, static_cast<std::byte>(i));
}

TEST(Workspace, a_scope_gives_back_and_the_memory_is_used_again) {
  Workspace ws;
  const auto one_call = [&] {
    Workspace::Scope outer{ws};
    auto* first = ws.take<float>(100).data();
    for (int i = 0; i < 3; ++i) {
      Workspace::Scope inner{ws};
      ws.take<float>(500'000);
    }
    EXPECT_NE(ws.take<float>(10).data(), first);
    return first;
  };
  auto* first = one_call();
  const std::size_t reserved = ws.reserved_bytes();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(one_call(), first);
  EXPECT_EQ(ws.reserved_bytes(), reserved);
}

TEST(Workspace, what_cannot_be_had_is_bad_alloc) {
  Workspace ws;
  EXPECT_THROW(ws.take<double>(std::size_t{1} << 60), std::bad_alloc);
  EXPECT_EQ(ws.take<float>(4).size(), 4U);
}

}  // namespace
}  // namespace zenith::kernels
