// Everything a session depends on beyond its input: time, seeds, ids. One place to record and to replay.
#pragma once

#include <atomic>
#include <memory>

#include "zenith/core/clock.hpp"
#include "zenith/core/ids.hpp"

namespace zenith {

class Effects {
 public:
  virtual ~Effects() = default;
  virtual const Clock& clock() const noexcept = 0;
  virtual std::uint64_t random_seed() noexcept = 0;  ///< for a request that names no seed; any thread
  virtual RequestId next_request_id() noexcept = 0;  ///< unique, never 0; any thread
};

/// The system's clock and entropy.
std::unique_ptr<Effects> system_effects();

/// A fake clock, seeds 1, 2, 3 …, ids 1, 2, 3 … for tests.
class FakeEffects final : public Effects {
 public:
  FakeClock fake_clock;
  const Clock& clock() const noexcept override { return fake_clock; }
  std::uint64_t random_seed() noexcept override { return ++seed_; }
  RequestId next_request_id() noexcept override { return RequestId{++id_}; }

 private:
  std::atomic<std::uint64_t> seed_{0}, id_{0};
};

}  // namespace zenith
