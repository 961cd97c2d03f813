// The last frames of one sensor, in the blocks in which they came.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "zenith/core/clock.hpp"
#include "zenith/core/tensor.hpp"
#include "zenith/messages/sensor.hpp"

namespace zenith::services {

/// Frames of one shape that were read together.
struct FrameBlock {
  std::vector<std::uint32_t> dims;
  std::vector<messages::FrameHead> heads;  ///< seq grows
  Buffer data;                             ///< one frame after another, dense

  std::size_t frame_bytes() const noexcept { return heads.empty() ? 0 : data.size() / heads.size(); }
};

struct RingLimits {
  Duration keep = messages::kLongestWindow;
  std::size_t bytes = std::size_t{16} << 20;  ///< of data and heads; the newest block always stays
};

/// Plain; one thread.
class FrameRing {
 public:
  explicit FrameRing(RingLimits limits = {}) : limits_(limits) {}

  /// Numbers that do not go on from those before empty the ring first.
  void add(FrameBlock block);
  bool empty() const noexcept { return blocks_.empty(); }
  std::uint64_t first() const { return blocks_.front().heads.front().seq; }   ///< @pre !empty()
  std::uint64_t next() const { return blocks_.back().heads.back().seq + 1; }  ///< @pre !empty()
  const std::deque<FrameBlock>& blocks() const noexcept { return blocks_; }

  struct Place {
    const FrameBlock* block = nullptr;
    std::size_t frame = 0;
  };
  /// The first frame with this number or a greater one.
  std::optional<Place> at_or_after(std::uint64_t seq) const;
  std::uint64_t dropped() const noexcept { return dropped_; }  ///< frames that made room

 private:
  void make_room();

  RingLimits limits_;
  std::deque<FrameBlock> blocks_;
  std::size_t bytes_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace zenith::services
