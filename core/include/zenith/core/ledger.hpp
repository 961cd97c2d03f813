// One ledger of memory: weights, KV pages, buffers. What does not fit is refused early, with the number that is
// missing.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "zenith/core/error.hpp"

namespace zenith {

class MemoryLedger;

/// Bytes that are accounted for while this lives. Movable; must not outlive the ledger.
class Reservation {
 public:
  Reservation() = default;
  Reservation(Reservation&& o) noexcept { *this = std::move(o); }
  Reservation& operator=(Reservation&& o) noexcept;
  ~Reservation() { release(); }
  void release() noexcept;
  std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  friend class MemoryLedger;
  Reservation(MemoryLedger* ledger, std::size_t owner, std::uint64_t bytes)
      : ledger_(ledger), owner_(owner), bytes_(bytes) {}
  MemoryLedger* ledger_ = nullptr;
  std::size_t owner_ = 0;
  std::uint64_t bytes_ = 0;
};

/// Any thread.
class MemoryLedger {
 public:
  explicit MemoryLedger(std::uint64_t budget_bytes) : budget_(budget_bytes) {}

  /// @returns out_of_memory naming the owner, the bytes asked for and the bytes missing.
  Expected<Reservation> reserve(const std::string& owner, std::uint64_t bytes);
  std::uint64_t budget() const noexcept { return budget_; }
  std::uint64_t used() const;
  std::vector<std::pair<std::string, std::uint64_t>> by_owner() const;

 private:
  friend class Reservation;
  void release(std::size_t owner, std::uint64_t bytes) noexcept;
  const std::uint64_t budget_;
  mutable std::mutex mutex_;
  std::vector<std::pair<std::string, std::uint64_t>> owners_;
  std::uint64_t used_ = 0;
};

/// MemAvailable of the host, bounded by the cgroup's limit; 0 when neither can be read.
std::uint64_t available_memory_bytes();

}  // namespace zenith
