// The gateway's one thread, as everything without sockets sees it.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace zenith::gateway {

/// Work handed to the loop's thread, in order. Any thread may post; what is posted after close() is dropped.
class Loop {
 public:
  /// @param wake called from any thread when the queue turns from empty to not empty; must lead to run_posted() on the
  /// loop's thread.
  explicit Loop(std::function<void()> wake) : wake_(std::move(wake)) {}

  /// @returns false when the loop is closed: `work` was not taken.
  template <class F>
  bool post(F work) {
    return push(std::make_unique<TaskOf<F>>(std::move(work)));
  }
  /// Loop's thread: runs what was posted so far.
  void run_posted();
  /// Loop's thread: runs what is left, then refuses more.
  void close();

 private:
  struct Task {
    virtual ~Task() = default;
    virtual void run() = 0;
  };
  template <class F>
  struct TaskOf final : Task {
    explicit TaskOf(F f) : work(std::move(f)) {}
    void run() override { work(); }
    F work;
  };
  bool push(std::unique_ptr<Task> task);

  std::mutex mutex_;
  std::vector<std::unique_ptr<Task>> tasks_;
  std::function<void()> wake_;
  bool closed_ = false;
};

}  // namespace zenith::gateway
