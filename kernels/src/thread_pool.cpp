#include "zenith/kernels/thread_pool.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

namespace zenith::kernels {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kSpin = std::chrono::microseconds{50};

void relax() noexcept { __builtin_ia32_pause(); }

/// Returns when `word` differs from `old`: spins up to kSpin, then sleeps in the kernel (futex).
void await_change(const std::atomic<std::uint32_t>& word, std::uint32_t old) noexcept {
  const auto until = Clock::now() + kSpin;
  do {
    for (int i = 0; i < 64; ++i) {
      if (word.load(std::memory_order_acquire) != old) return;
      relax();
    }
  } while (Clock::now() < until);
  while (word.load(std::memory_order_acquire) == old) word.wait(old, std::memory_order_acquire);
}

}  // namespace

struct ThreadPool::Impl {
  explicit Impl(int n) : threads(std::max(n, 1)) {
    workers.reserve(static_cast<std::size_t>(threads - 1));
    for (int t = 1; t < threads; ++t) workers.emplace_back([this, t] { work(t); });
  }

  ~Impl() {
    stopping = true;
    publish();
    for (std::thread& worker : workers) worker.join();
  }

  void publish() noexcept {
    job.fetch_add(1, std::memory_order_release);
    job.notify_all();
  }

  void work(int thread) noexcept {
    std::uint32_t seen = 0;
    for (;;) {
      await_change(job, seen);
      ++seen;  // the caller waits for every worker, so jobs cannot be skipped
      if (stopping) return;
      (*body)(thread, threads);
      if (left.fetch_sub(1, std::memory_order_acq_rel) == 1) left.notify_one();
    }
  }

  void run(const std::function<void(int, int)>& f) noexcept {
    if (threads == 1) return f(0, 1);
    body = &f;
    left.store(static_cast<std::uint32_t>(threads - 1), std::memory_order_relaxed);
    publish();
    f(0, threads);
    for (std::uint32_t now; (now = left.load(std::memory_order_acquire)) != 0;) await_change(left, now);
  }

  const int threads;
  alignas(64) std::atomic<std::uint32_t> job{0};        ///< counts jobs; written by the caller only
  alignas(64) std::atomic<std::uint32_t> left{0};       ///< workers that have not ended the current job
  const std::function<void(int, int)>* body = nullptr;  ///< published by `job`
  bool stopping = false;                                ///< published by `job`
  std::vector<std::thread> workers;
};

ThreadPool::ThreadPool(int threads) : impl_(std::make_unique<Impl>(threads)) {}
ThreadPool::~ThreadPool() = default;

int ThreadPool::threads() const noexcept { return impl_->threads; }

void ThreadPool::run(const std::function<void(int, int)>& body) noexcept { impl_->run(body); }

void ThreadPool::for_range(std::size_t count, std::size_t grain,
                           const std::function<void(std::size_t, std::size_t)>& body) noexcept {
  grain = std::max<std::size_t>(grain, 1);
  const std::size_t grains = (count + grain - 1) / grain;
  if (count == 0) return;
  if (grains == 1 || impl_->threads == 1) return body(0, count);
  impl_->run([&](int thread, int threads) {
    const auto t = static_cast<std::size_t>(thread), n = static_cast<std::size_t>(threads);
    const std::size_t begin = grains * t / n * grain, end = std::min(grains * (t + 1) / n * grain, count);
    if (begin < end) body(begin, end);
  });
}

}  // namespace zenith::kernels
