// One timer for a connection's one current time limit. Moving the limit later costs nothing.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>

namespace zenith::gateway {

/// Calls owner->on_limit(purpose) when a limit passes. Owner must be shared-from-this and outlives nothing.
template <class Owner, class Purpose>
class DeadlineTimer {
 public:
  using Clock = std::chrono::steady_clock;
  template <class Executor>
  explicit DeadlineTimer(const Executor& executor) : timer_(executor) {}

  void arm(Owner& owner, Purpose purpose, Clock::duration after) {
    purpose_ = purpose;
    armed_ = true;
    deadline_ = Clock::now() + after;
    if (waiting_ && timer_.expiry() <= deadline_) return;  // it looks again when it fires
    wait(owner);
  }
  void disarm() noexcept { armed_ = false; }
  void cancel() {
    armed_ = false;
    timer_.cancel();
  }

 private:
  void wait(Owner& owner) {
    waiting_ = true;
    timer_.expires_at(deadline_);
    timer_.async_wait([this, weak = owner.weak_from_this()](const boost::system::error_code& ec) {
      const auto self = weak.lock();
      if (!self || ec) return;
      waiting_ = false;
      if (!armed_) return;
      if (Clock::now() < deadline_) return wait(static_cast<Owner&>(*self));
      armed_ = false;
      static_cast<Owner&>(*self).on_limit(purpose_);
    });
  }

  boost::asio::steady_timer timer_;
  Clock::time_point deadline_{};
  Purpose purpose_{};
  bool armed_ = false, waiting_ = false;
};

}  // namespace zenith::gateway
