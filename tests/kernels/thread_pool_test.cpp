// The pool: ranges that cover and do not overlap, threads that help, sleep, wake and come late.
#include "zenith/kernels/thread_pool.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "zenith/kernels/exec.hpp"

namespace zenith::kernels {
namespace {

using std::chrono::milliseconds;

TEST(ThreadPool, the_caller_is_the_first_thread_and_others_help) {
  for (const int threads : {1, 2, 3, 5}) {
    ThreadPool pool{threads};
    ASSERT_EQ(pool.threads(), threads);
    std::mutex mutex;
    std::map<int, std::set<std::thread::id>> seen;
    for (int job = 0; job < 50; ++job) {
      pool.for_range(64, 1, [&](int thread, std::size_t, std::size_t) {
        std::this_thread::sleep_for(milliseconds{1});  // so that the others come to work
        const std::lock_guard lock{mutex};
        seen[thread].insert(std::this_thread::get_id());
      });
    }
    EXPECT_EQ(seen.size(), static_cast<std::size_t>(threads));
    EXPECT_THAT(seen[0], ::testing::ElementsAre(std::this_thread::get_id()));
    std::set<std::thread::id> all;
    for (const auto& [thread, ids] : seen) {
      EXPECT_EQ(ids.size(), 1U) << thread;
      all.insert(ids.begin(), ids.end());
    }
    EXPECT_EQ(all.size(), seen.size());
  }
}

TEST(ThreadPool, fewer_threads_than_one_are_one) {
  ThreadPool pool{0};
  EXPECT_EQ(pool.threads(), 1);
  int calls = 0;
  pool.for_range(100, 1, [&](int thread, std::size_t begin, std::size_t end) {
    EXPECT_EQ(thread, 0);
    EXPECT_EQ(end - begin, 100U);
    ++calls;
  });
  EXPECT_EQ(calls, 1);
}

TEST(ThreadPool, each_job_is_done_once_and_seen_after_it_whoever_comes_late) {
  for (const int threads : {2, 3, 5}) {
    ThreadPool pool{threads};
    std::mt19937 random{static_cast<unsigned>(threads)};
    std::vector<int> values(60);
    for (int job = 1; job <= 30'000; ++job) {
      const std::size_t count = 2 + random() % 50;
      if (random() % 1024 == 0) std::this_thread::sleep_for(std::chrono::microseconds{random() % 100});
      pool.for_range(count, 1, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) ++values[i];
      });
      for (std::size_t i = 0; i < values.size(); ++i) {
        ASSERT_EQ(values[i], i < count ? 1 : 0) << "job " << job << ", " << i << " of " << count;
        values[i] = 0;
      }
    }
  }
}

TEST(ThreadPool, wakes_workers_that_went_to_sleep) {
  ThreadPool pool{2};
  for (int i = 0; i < 5; ++i) {
    std::this_thread::sleep_for(milliseconds{3});  // past the 50 us of spinning
    std::atomic<int> helped{0};
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{10};
    pool.for_range(8, 1, [&](int thread, std::size_t, std::size_t) {
      helped += thread;
      while (helped == 0 && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(milliseconds{1});
    });
    EXPECT_GT(helped, 0);
  }
}

TEST(ThreadPool, waits_for_a_worker_that_has_begun) {
  ThreadPool pool{2};
  std::atomic<int> begun{0}, ended{0};
  for (int i = 0; i < 20; ++i) {
    pool.for_range(2, 1, [&](int thread, std::size_t, std::size_t) {
      ++begun;
      std::this_thread::sleep_for(milliseconds{thread == 0 ? 1 : 3});
      ++ended;
    });
    EXPECT_EQ(ended, begun);
  }
  EXPECT_EQ(ended, 40);
}

TEST(ThreadPool, a_worker_without_a_core_keeps_its_chunk_only) {
  ThreadPool pool{2};
  std::atomic<int> chunks_of_the_worker{0}, all{0};
  pool.for_range(8, 1, [&](int thread, std::size_t, std::size_t) {
    ++all;
    if (thread == 0) return std::this_thread::sleep_for(milliseconds{2});
    ++chunks_of_the_worker;
    std::this_thread::sleep_for(milliseconds{200});  // as if something else had its core
  });
  EXPECT_EQ(all, 8);
  EXPECT_LE(chunks_of_the_worker, 2) << "the caller takes what the worker has not begun";
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
        EXPECT_LE(calls, threads * 4);
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
