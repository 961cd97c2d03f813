// A page of memory that a sensor's process shares with the one that started it. It outlives the process: from it the
// parent knows in which call a plugin died, and the next process knows where its numbers go on.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "zenith/core/error.hpp"

namespace zenith::services {

/// What the process is doing; the calls of zenith_sensor_v1 among it.
enum class SensorPhase : std::uint32_t {
  starting,
  loading,
  entry,
  open,
  start,
  read_batch,
  copying,
  release,
  health,
  stop,
  close,
  idle
};
std::string_view name_of(SensorPhase phase) noexcept;

inline constexpr std::size_t kMostChannels = 32;

// How a sensor's process ends by itself, beside 0.
inline constexpr int kExitRefused = 10;  ///< the plugin cannot be used, and trying again will not help
inline constexpr int kExitFault = 11;    ///< it failed, hung or lied: trying again may help

/// Any thread, any process. The other side may be broken: nothing here trusts what it reads.
class ChildBoard {
 public:
  static Expected<ChildBoard> create();      ///< of the parent. @returns io
  static Expected<ChildBoard> open(int fd);  ///< of the child. @returns io
  ChildBoard(ChildBoard&& o) noexcept;
  ChildBoard& operator=(ChildBoard&& o) noexcept;
  ~ChildBoard();
  int fd() const noexcept { return fd_; }

  void set_phase(SensorPhase phase) noexcept;
  SensorPhase phase() const noexcept;
  void set_fault(std::string_view text) noexcept;
  std::string fault() const;  ///< printable text; empty = none
  void clear_fault() noexcept;

  /// The next number of a channel and the time of its last frame, of a manifest with this hash.
  struct Numbers {
    std::uint64_t next = 0;
    std::int64_t t_ns = 0;
  };
  std::optional<Numbers> numbers(std::uint64_t manifest, std::size_t channel) const noexcept;
  void set_numbers(std::uint64_t manifest, std::size_t channel, Numbers numbers) noexcept;

 private:
  struct Page;
  ChildBoard(int fd, Page* page) noexcept : fd_(fd), page_(page) {}
  static Expected<ChildBoard> map(int fd);
  int fd_ = -1;
  Page* page_ = nullptr;
};

}  // namespace zenith::services
