// The promise guard: an answer that is given exactly once, whatever happens to the one who owes it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "zenith/core/error.hpp"

namespace zenith::actors {

/// Copies share one answer. When the last copy goes without one (the message was dropped, the actor threw, the target
/// had ended), the reply is `if_broken`. The reply is called exactly once, on the thread that keeps or drops the
/// promise; it must not throw.
template <class T>
class Promise {
 public:
  Promise() = default;
  Promise(std::function<void(Expected<T>)> reply, Error if_broken)
      : state_(std::make_shared<State>(std::move(reply), std::move(if_broken))) {}

  /// @returns false when it had been kept before.
  bool keep(Expected<T> answer) const {
    if (!state_ || state_->kept.exchange(true)) return false;
    const auto reply = std::exchange(state_->reply, nullptr);
    if (reply) reply(std::move(answer));
    return true;
  }
  bool break_with(Error error) const { return keep(tl::make_unexpected(std::move(error))); }

  /// Breaks the promise if it is still owed; does not keep it alive. For deadlines and cancels.
  std::function<void(Error)> breaker() const {
    return [weak = std::weak_ptr<State>(state_)](Error error) {
      if (const auto state = weak.lock()) {
        Promise promise;
        promise.state_ = state;
        if (promise.break_with(std::move(error))) state->tell_given_up();
      }
    };
  }

  /// For the one who owes the answer: calls `stop` once if a breaker() broke the promise, or does; from any thread.
  void on_given_up(std::function<void()> stop) const {
    if (!state_) return;
    {
      const std::lock_guard lock(state_->mutex);
      if (!state_->given_up) {
        state_->stop = std::move(stop);
        return;
      }
    }
    stop();
  }

  /// Nobody waits any more: work on it may be skipped.
  bool kept() const noexcept { return !state_ || state_->kept.load(); }

 private:
  struct State {
    State(std::function<void(Expected<T>)> r, Error e) : reply(std::move(r)), if_broken(std::move(e)) {}
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() {
      if (!kept.exchange(true) && reply) reply(tl::make_unexpected(std::move(if_broken)));
    }
    void tell_given_up() {
      std::function<void()> told;
      {
        const std::lock_guard lock(mutex);
        given_up = true;
        told = std::exchange(stop, nullptr);
      }
      if (told) told();
    }
    std::function<void(Expected<T>)> reply;
    Error if_broken;
    std::atomic<bool> kept{false};
    std::mutex mutex;  // of what follows
    bool given_up = false;
    std::function<void()> stop;
  };
  std::shared_ptr<State> state_;
};

}  // namespace zenith::actors
