// A persistent pool with static splits: compute threads = cores, no oversubscription, no queue.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace zenith::kernels {

/// The caller is thread 0 and works too. One caller at a time. Workers spin at most 50 us for the next job, then sleep.
class ThreadPool {
 public:
  explicit ThreadPool(int threads);  ///< >= 1
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const noexcept;

  /// Calls body(thread, threads()) once on each thread and returns when all have ended. `body` must not throw.
  void run(const std::function<void(int thread, int threads)>& body) noexcept;

  /// Splits [0, count) into at most threads() contiguous ranges whose starts are multiples of `grain`, and calls
  /// body(begin, end). Splits are over outputs, so the thread count never changes a result.
  void for_range(std::size_t count, std::size_t grain,
                 const std::function<void(std::size_t begin, std::size_t end)>& body) noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Cores that this process may use (affinity and cgroup quota), at least 1.
int usable_cores();

}  // namespace zenith::kernels
