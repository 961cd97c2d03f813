// The heartbeat of a process that another one supervises.
#pragma once

#include <signal.h>

#include <functional>

namespace zenith::services {

/// Blocks until one of `stop`, which are blocked in every thread, is sent to this process. Meanwhile it writes to `fd`
/// (an eventfd; -1: nobody listens) twice a second, as long as `alive` says so: a process that is stopped, or whose
/// actors are, falls silent. @param alive should answer within a second.
void beat_until(const sigset_t& stop, int fd, const std::function<bool()>& alive);

}  // namespace zenith::services
