// A handle that survives restarts: senders look it up, the supervisor replaces it.
#pragma once

#include <mutex>
#include <utility>

#include "zenith/actors/address.hpp"

namespace zenith::actors {

/// Any thread.
template <class M>
class SharedRef {
 public:
  void set(Ref<M> ref) {
    const std::lock_guard lock(mutex_);
    std::swap(ref_, ref);
  }
  Ref<M> get() const {
    const std::lock_guard lock(mutex_);
    return ref_;
  }
  void send(M message, Urgency urgency = Urgency::normal) const { get().send(std::move(message), urgency); }

 private:
  mutable std::mutex mutex_;
  Ref<M> ref_;
};

}  // namespace zenith::actors
