// How a long job says that it gets on. Who watches it is the business of the process (mediahost/src/watchdog.hpp).
#pragma once

#include <atomic>
#include <cstdint>

namespace zenith::services {

/// Beats of one thread's job; read by another thread.
using Heartbeat = std::atomic<std::uint64_t>;

/// Where beat() of the calling thread counts from now on; null: nowhere.
void beat_into(Heartbeat* heartbeat) noexcept;

/// Between two steps of a job, often enough that a minute of compute never passes without one.
void beat() noexcept;

}  // namespace zenith::services
