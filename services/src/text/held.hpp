// A request on its way to a worker.
#pragma once

#include <atomic>
#include <optional>
#include <utility>

namespace zenith::services {

/// Until the worker takes it or nobody waits for its answer any more, whichever comes first: a job that waits for the
/// worker keeps nothing of a request that was cancelled. Any thread.
template <class Request>
class Held {
 public:
  explicit Held(Request request) : request_(std::move(request)) {}
  /// @returns nothing when it was taken before.
  std::optional<Request> take() {
    if (taken_.exchange(true)) return std::nullopt;
    return std::exchange(request_, std::nullopt);
  }

 private:
  std::atomic<bool> taken_{false};
  std::optional<Request> request_;
};

}  // namespace zenith::services
