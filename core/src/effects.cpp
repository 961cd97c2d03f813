#include "zenith/core/effects.hpp"

#include <random>

namespace zenith {
namespace {

class SystemEffects final : public Effects {
 public:
  const Clock& clock() const noexcept override { return clock_; }
  std::uint64_t random_seed() noexcept override {
    // splitmix64 over a counter whose start is entropy: no lock, no repeats.
    std::uint64_t z = state_.fetch_add(0x9e3779b97f4a7c15ull, std::memory_order_relaxed);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  RequestId next_request_id() noexcept override { return RequestId{next_id_.fetch_add(1, std::memory_order_relaxed)}; }

 private:
  static std::uint64_t entropy() {
    std::random_device device;
    return (std::uint64_t{device()} << 32) | device();
  }
  SystemClock clock_;
  std::atomic<std::uint64_t> state_{entropy()};
  std::atomic<std::uint64_t> next_id_{1};
};

}  // namespace

std::unique_ptr<Effects> system_effects() { return std::make_unique<SystemEffects>(); }

}  // namespace zenith
