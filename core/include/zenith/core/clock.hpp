// Time as a dependency: deadlines are on the monotonic clock, so a step of the wall clock moves none of them.
#pragma once

#include <chrono>
#include <cstdint>

namespace zenith {

using Duration = std::chrono::nanoseconds;
using Instant = std::chrono::time_point<std::chrono::steady_clock, Duration>;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() const noexcept = 0;  ///< monotonic
  /// Wall time, for `created` fields, logs and spans only.
  virtual std::int64_t unix_nanoseconds() const noexcept = 0;
  std::int64_t unix_seconds() const noexcept { return unix_nanoseconds() / 1'000'000'000; }
};

/// The machine's clocks. Stateless; any thread.
class SystemClock final : public Clock {
 public:
  Instant now() const noexcept override {
    return std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now());
  }
  std::int64_t unix_nanoseconds() const noexcept override {
    return std::chrono::duration_cast<Duration>(std::chrono::system_clock::now().time_since_epoch()).count();
  }
};

/// A clock that a test moves. One thread.
class FakeClock final : public Clock {
 public:
  Instant now() const noexcept override { return now_; }
  std::int64_t unix_nanoseconds() const noexcept override {
    return 1'700'000'000'000'000'000 + now_.time_since_epoch().count();
  }
  void advance(Duration by) noexcept { now_ += by; }

 private:
  Instant now_{};
};

/// When a request must have ended. Always finite.
struct Deadline {
  Instant at{};
  bool passed(Instant now) const noexcept { return now >= at; }
  Duration left(Instant now) const noexcept { return now >= at ? Duration{0} : at - now; }
};

}  // namespace zenith
