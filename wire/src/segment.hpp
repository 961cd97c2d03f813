// A segment of shared memory: its file's layout, as its owner makes it and as a reader checks it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "zenith/core/clock.hpp"
#include "zenith/core/error.hpp"
#include "zenith/wire/run_dir.hpp"

namespace zenith::wire {

enum class SlotState : std::uint8_t { free = 0, written = 1, claimed = 2 };

/// The state word of a slot: generation, who claimed it, state. It changes by compare-and-swap only.
struct SlotWord {
  std::uint32_t generation = 0;
  std::uint32_t claimer = 0;  ///< 30 bits; 0 = nobody
  SlotState state = SlotState::free;

  std::uint64_t packed() const noexcept {
    return std::uint64_t{generation} << 32 | std::uint64_t{claimer} << 2 | static_cast<std::uint64_t>(state);
  }
  static SlotWord of(std::uint64_t word) noexcept {
    return {static_cast<std::uint32_t>(word >> 32), static_cast<std::uint32_t>(word) >> 2,
            static_cast<SlotState>(word & 3)};
  }
};

struct SegmentHeader {
  std::uint64_t magic = 0x314d48535a4eull;  // "NZSHM1"
  std::uint32_t slots = 0, reserved = 0;
  std::uint64_t slot_bytes = 0, data_at = 0;
};

/// The file of segment `id` in `folder`.
std::filesystem::path segment_file(const std::filesystem::path& folder, std::uint64_t id);
/// The lock file of a reader.
std::filesystem::path live_file(const std::filesystem::path& folder, std::uint32_t claimer);

/// A mapped file with checked geometry.
class Mapping {
 public:
  /// A new segment under its claim. @returns io (no space left, no descriptors).
  static Expected<std::shared_ptr<Mapping>> create(const Claim& claim, std::uint32_t slots, std::uint64_t slot_bytes);
  /// Another process's. @returns bad_frame: no such segment, or one that its own size belies.
  static Expected<std::shared_ptr<Mapping>> open(const std::filesystem::path& file);
  ~Mapping();
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  std::uint32_t slots() const noexcept { return geometry_.slots; }
  std::uint64_t slot_bytes() const noexcept { return geometry_.slot_bytes; }
  std::uint64_t offset_of(std::uint32_t slot) const noexcept { return geometry_.data_at + slot * geometry_.slot_bytes; }
  std::byte* data(std::uint32_t slot) const noexcept { return base_ + offset_of(slot); }
  std::atomic_ref<std::uint64_t> word(std::uint32_t slot) const noexcept;
  std::size_t bytes() const noexcept { return bytes_; }
  bool unlinked() const noexcept;  ///< the owner has dropped it

 private:
  Mapping(std::byte* base, std::size_t bytes, int fd, SegmentHeader geometry)
      : base_(base), bytes_(bytes), fd_(fd), geometry_(geometry) {}
  std::byte* base_;
  std::size_t bytes_;
  int fd_;
  SegmentHeader geometry_;  // a copy: the file's may change
};

}  // namespace zenith::wire
