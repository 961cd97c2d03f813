// For tests with real threads: an event sink and replies that a test can wait for.
#pragma once

#include <chrono>
#include <condition_variable>
#include <future>
#include <mutex>

#include "harness.hpp"

namespace zenith::services {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
inline constexpr std::chrono::seconds kWaitLimit{360};  // as the time limits of sanitized tests
#else
inline constexpr std::chrono::seconds kWaitLimit{60};
#endif

struct WaitingClient final : gateway::EventSink {
  void on_event(messages::Event event) override {
    const std::lock_guard lock(mutex);
    got.on_event(std::move(event));
    changed.notify_all();
  }
  /// @returns the predicate held within kWaitLimit.
  bool wait(const std::function<bool(const Client&)>& enough) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, kWaitLimit, [&] { return enough(got); });
  }
  bool wait_end() {
    return wait([](const Client& c) { return c.ended; });
  }
  std::mutex mutex;
  std::condition_variable changed;
  Client got;
};

/// Calls `start` with a reply and waits for the answer.
template <class T, class Start>
Expected<T> answer_of(Start start) {
  std::promise<Expected<T>> promise;
  auto future = promise.get_future();
  start([&promise](Expected<T> answer) { promise.set_value(std::move(answer)); });
  if (future.wait_for(std::chrono::seconds(60)) != std::future_status::ready)
    return fail(Errc::deadline, "no answer came");
  return future.get();
}

}  // namespace zenith::services
