// A persistent pool: compute threads = cores, no oversubscription, no queue. A thread that loses its core to another
// process delays the others by the chunk that it holds, not by its share.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace zenith::kernels {

/// The caller is thread 0 and works too. One caller at a time. Workers spin at most 50 us for the next job, then sleep;
/// the caller waits only for those that have begun.
class ThreadPool {
 public:
  using Range = std::function<void(std::size_t begin, std::size_t end)>;
  using ThreadRange = std::function<void(int thread, std::size_t begin, std::size_t end)>;

  explicit ThreadPool(int threads);  ///< 1 to 16383; others become the nearest
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const noexcept;

  /// Splits [0, count) into contiguous ranges whose starts are multiples of `grain`, several for each thread, and calls
  /// `body` once for each; which thread computes which range is left to chance. Returns when all have ended. Splits are
  /// over outputs, so neither the thread count nor chance changes a result. `body` must not throw; `thread`, in
  /// [0, threads()), names the scratch memory that a call may use.
  void for_range(std::size_t count, std::size_t grain, const Range& body) noexcept;
  void for_range(std::size_t count, std::size_t grain, const ThreadRange& body) noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Cores that this process may use (affinity and cgroup quota), at least 1.
int usable_cores();

}  // namespace zenith::kernels
