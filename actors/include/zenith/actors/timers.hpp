// Alarms in order of time; no thread, no clock: whoever owns it says what time it is.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "zenith/core/clock.hpp"

namespace zenith::actors {

using TimerId = std::uint64_t;  ///< 0 = none

/// Any thread. A cancelled alarm leaves nothing behind.
class Timers {
 public:
  using Alarm = std::function<void()>;
  struct Set {
    TimerId id = 0;
    bool first = false;  ///< it is now the earliest: whoever waits must look again
  };
  Set at(Instant when, Alarm alarm);
  void cancel(TimerId id);
  std::optional<Instant> next() const;
  std::vector<Alarm> take_due(Instant now);  ///< in order of time
  std::size_t size() const;

 private:
  mutable std::mutex mutex_;
  TimerId last_ = 0;
  std::map<std::pair<Instant, TimerId>, Alarm> alarms_;
  std::unordered_map<TimerId, Instant> when_;
};

}  // namespace zenith::actors
