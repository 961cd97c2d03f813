// When a slow call is asked a second time of another replica, beside the first. After Dean and Barroso, "The Tail at
// Scale", CACM 56(2), 2013.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "zenith/core/clock.hpp"

namespace zenith::services {

/// Knows how long calls of one kind take. Any thread.
class Hedging {
 public:
  /// @param percent of the calls that may be asked twice; 0 = never.
  explicit Hedging(std::uint32_t percent) : percent_(percent) {}

  /// Counts a call. @returns how long to wait before it is asked again: the 95th percentile of the last calls; nothing
  /// while too few are known, or when it is off.
  std::optional<Duration> begin() {
    const std::lock_guard lock(mutex_);
    ++calls_;
    if (percent_ == 0 || known_ < kFewest) return std::nullopt;
    std::vector<Duration> sorted(took_.begin(), took_.begin() + static_cast<std::ptrdiff_t>(std::min(known_, kKept)));
    const auto at = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() * 95 / 100);
    std::nth_element(sorted.begin(), at, sorted.end());
    return std::max(*at, kLeast);
  }
  /// A call wants to be asked again now. @returns it may: its share is not used up.
  bool take() {
    const std::lock_guard lock(mutex_);
    if ((hedges_ + 1) * 100 > calls_ * percent_) return false;
    ++hedges_;
    return true;
  }
  void took(Duration time) {
    const std::lock_guard lock(mutex_);
    took_[known_++ % kKept] = time;
  }

 private:
  static constexpr std::size_t kKept = 128, kFewest = 20;
  static constexpr Duration kLeast = std::chrono::milliseconds(5);
  const std::uint64_t percent_;
  std::mutex mutex_;
  std::array<Duration, kKept> took_{};
  std::size_t known_ = 0;
  std::uint64_t calls_ = 0, hedges_ = 0;
};

}  // namespace zenith::services
