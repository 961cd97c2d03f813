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
constexpr std::size_t kChunksForAThread = 4;  // what a thread that lost its core can keep others waiting for: a fourth

constexpr int kMostThreads = 0xffff / kChunksForAThread;

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

/// One thread's share of a job's chunks, and the job's number, in one word: who comes late to a job finds either
/// nothing left or that the claim fails.
struct Share {
  std::uint32_t job = 0;
  std::uint16_t next = 0, end = 0;
};
struct alignas(64) Cursor {
  std::atomic<Share> share{};
  static_assert(std::atomic<Share>::is_always_lock_free);
};

}  // namespace

struct ThreadPool::Impl {
  explicit Impl(int n) : threads(static_cast<std::size_t>(std::clamp(n, 1, kMostThreads))), cursors(threads) {
    workers.reserve(threads - 1);
    for (std::size_t t = 1; t < threads; ++t) workers.emplace_back([this, t] { work(t); });
  }

  ~Impl() {
    stopping.store(true, std::memory_order_relaxed);
    publish(job.load(std::memory_order_relaxed) + 1);
    for (std::thread& worker : workers) worker.join();
  }

  void publish(std::uint32_t number) noexcept {
    job.store(number, std::memory_order_release);
    job.notify_all();
  }

  void work(std::size_t thread) noexcept {
    std::uint32_t seen = 0;
    for (;;) {
      await_change(job, seen);
      seen = job.load(std::memory_order_acquire);
      if (stopping.load(std::memory_order_relaxed)) return;
      take(thread, seen);
    }
  }

  /// Claims chunks of its own share, then what others have not begun. A job ends when every chunk has been counted, so
  /// what is read after a claim that succeeds belongs to this job.
  void take(std::size_t thread, std::uint32_t number) noexcept {
    std::uint32_t mine = 0;
    for (std::size_t k = 0; k < threads; ++k) {
      std::atomic<Share>& share = cursors[(thread + k) % threads].share;
      Share at = share.load(std::memory_order_acquire);
      while (at.job == number && at.next < at.end) {
        Share claimed = at;
        ++claimed.next;
        if (!share.compare_exchange_weak(at, claimed, std::memory_order_acq_rel, std::memory_order_acquire)) continue;
        (*body.load(std::memory_order_relaxed))(static_cast<int>(thread), at.next);
        ++mine;
        at = claimed;
      }
    }
    if (mine > 0 && ended.fetch_add(mine, std::memory_order_acq_rel) + mine == chunks.load(std::memory_order_relaxed))
      ended.notify_one();
  }

  using Chunk = std::function<void(int thread, std::size_t chunk)>;

  void run(std::size_t count, const Chunk& f) noexcept {
    const std::uint32_t number = job.load(std::memory_order_relaxed) + 1;
    body.store(&f, std::memory_order_relaxed);
    chunks.store(static_cast<std::uint32_t>(count), std::memory_order_relaxed);
    ended.store(0, std::memory_order_relaxed);
    const auto begin = [&](std::size_t t) { return static_cast<std::uint16_t>(count * t / threads); };
    for (std::size_t t = 0; t < threads; ++t)
      cursors[t].share.store({number, begin(t), begin(t + 1)}, std::memory_order_release);
    publish(number);
    take(0, number);
    for (std::uint32_t now; (now = ended.load(std::memory_order_acquire)) != count;) await_change(ended, now);
  }

  const std::size_t threads;
  std::vector<Cursor> cursors;                    ///< one a thread
  alignas(64) std::atomic<std::uint32_t> job{0};  ///< the number of the job; written by the caller only
  std::atomic<const Chunk*> body{nullptr};        ///< of the job, as is `chunks`
  std::atomic<std::uint32_t> chunks{0};
  std::atomic<bool> stopping{false};
  alignas(64) std::atomic<std::uint32_t> ended{0};  ///< chunks of the job that have been computed
  std::vector<std::thread> workers;
};

ThreadPool::ThreadPool(int threads) : impl_(std::make_unique<Impl>(threads)) {}
ThreadPool::~ThreadPool() = default;

int ThreadPool::threads() const noexcept { return static_cast<int>(impl_->threads); }

void ThreadPool::for_range(std::size_t count, std::size_t grain, const ThreadRange& body) noexcept {
  if (count == 0) return;
  grain = std::max<std::size_t>(grain, 1);
  const std::size_t grains = (count + grain - 1) / grain;
  if (grains == 1 || impl_->threads == 1) return body(0, 0, count);
  const std::size_t chunks = std::min(grains, impl_->threads * kChunksForAThread);
  impl_->run(chunks, [&](int thread, std::size_t chunk) {
    body(thread, grains * chunk / chunks * grain, std::min(grains * (chunk + 1) / chunks * grain, count));
  });
}

void ThreadPool::for_range(std::size_t count, std::size_t grain, const Range& body) noexcept {
  for_range(count, grain, ThreadRange{[&](int, std::size_t begin, std::size_t end) { body(begin, end); }});
}

}  // namespace zenith::kernels
