// How long a request waited, and how long it took.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "zenith/core/clock.hpp"
#include "zenith/messages/receipt.hpp"

namespace zenith::services {

/// Starts when the request comes. One thread at a time; the clock outlives it.
class Stopwatch {
 public:
  explicit Stopwatch(const Clock& clock) : clock_(&clock), came_(clock.now()), began_(came_) {}
  void begin() { began_ = clock_->now(); }
  messages::Spent end() const { return {us(began_ - came_), us(clock_->now() - began_), 0, 0}; }

 private:
  static std::uint32_t us(Duration d) {
    const auto count = std::chrono::duration_cast<std::chrono::microseconds>(d).count();
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(count, 0, std::numeric_limits<std::uint32_t>::max()));
  }
  const Clock* clock_;
  Instant came_, began_;
};

}  // namespace zenith::services
