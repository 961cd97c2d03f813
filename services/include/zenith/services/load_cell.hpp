// How busy a service is, written by its actor, read by whoever asks.
#pragma once

#include <functional>
#include <mutex>
#include <utility>

#include "zenith/messages/membership.hpp"

namespace zenith::services {

/// Any thread.
class LoadCell {
 public:
  /// @param began called when an idle service begins to work, on its thread; must return at once.
  explicit LoadCell(std::function<void()> began = {}) : began_(std::move(began)) {}

  void set(messages::Load load) {
    bool began = false;
    {
      const std::lock_guard lock(mutex_);
      began = load_.queue + load_.running == 0 && load.queue + load.running > 0;
      load_ = load;
    }
    if (began && began_) began_();
  }
  messages::Load get() const {
    const std::lock_guard lock(mutex_);
    return load_;
  }

 private:
  std::function<void()> began_;
  mutable std::mutex mutex_;
  messages::Load load_;
};

}  // namespace zenith::services
