#include "zenith/services/heartbeat.hpp"

namespace zenith::services {
namespace {

thread_local Heartbeat* t_heartbeat = nullptr;

}  // namespace

void beat_into(Heartbeat* heartbeat) noexcept { t_heartbeat = heartbeat; }

void beat() noexcept {
  if (t_heartbeat != nullptr) t_heartbeat->fetch_add(1, std::memory_order_relaxed);
}

}  // namespace zenith::services
