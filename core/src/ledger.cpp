#include "zenith/core/ledger.hpp"

#include <algorithm>
#include <fstream>
#include <limits>

#include <fmt/format.h>

namespace zenith {

Reservation& Reservation::operator=(Reservation&& o) noexcept {
  if (this != &o) {
    release();
    ledger_ = std::exchange(o.ledger_, nullptr);
    owner_ = o.owner_;
    bytes_ = std::exchange(o.bytes_, 0);
  }
  return *this;
}

void Reservation::release() noexcept {
  if (ledger_ != nullptr) std::exchange(ledger_, nullptr)->release(owner_, std::exchange(bytes_, 0));
}

Expected<Reservation> MemoryLedger::reserve(const std::string& owner, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t room = budget_ - std::min(budget_, used_);
  if (bytes > room) {
    return fail(
        Errc::out_of_memory,
        fmt::format("{} needs {} bytes, {} of the budget of {} are free: {} are missing (raise [models] budget_bytes)",
                    owner, bytes, room, budget_, bytes - room),
        "models.budget_bytes");
  }
  auto it = std::find_if(owners_.begin(), owners_.end(), [&](const auto& o) { return o.first == owner; });
  if (it == owners_.end()) it = owners_.insert(owners_.end(), {owner, 0});
  it->second += bytes;
  used_ += bytes;
  return Reservation{this, static_cast<std::size_t>(it - owners_.begin()), bytes};
}

std::uint64_t MemoryLedger::used() const {
  const std::lock_guard lock(mutex_);
  return used_;
}

std::vector<std::pair<std::string, std::uint64_t>> MemoryLedger::by_owner() const {
  const std::lock_guard lock(mutex_);
  return owners_;
}

void MemoryLedger::release(std::size_t owner, std::uint64_t bytes) noexcept {
  const std::lock_guard lock(mutex_);
  owners_[owner].second -= bytes;
  used_ -= bytes;
}

std::uint64_t available_memory_bytes() {
  std::uint64_t available = 0;
  std::ifstream meminfo("/proc/meminfo");
  for (std::string key, unit; meminfo >> key;) {
    std::uint64_t kib = 0;
    meminfo >> kib;
    std::getline(meminfo, unit);
    if (key == "MemAvailable:") {
      available = kib * 1024;
      break;
    }
  }
  std::uint64_t limit = 0, current = 0;
  std::ifstream max_file("/sys/fs/cgroup/memory.max"), current_file("/sys/fs/cgroup/memory.current");
  if (max_file >> limit && current_file >> current) available = std::min(available, limit - std::min(limit, current));
  return available;
}

}  // namespace zenith
