// Who gets which frames of one sensor: a ring, a cursor into it for each subscriber, as much as its credit allows.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "zenith/core/clock.hpp"
#include "zenith/messages/reply.hpp"
#include "zenith/services/sensor/source.hpp"

namespace zenith::services {

struct SensorLimits {
  RingLimits ring;
  std::size_t subscribers = 256;
};

/// Plain state; one thread. A subscriber keeps nothing here but a number: one that is slow loses what its sensor's ring
/// loses, is told which numbers, and costs the others nothing.
class SensorCore {
 public:
  SensorCore(SensorChannel channel, SensorLimits limits)
      : channel_(std::move(channel)), ring_(limits.ring), limits_(limits) {}

  void add(FrameBlock block);
  /// Takes the subscriber, or its events hold why not: overloaded, invalid_argument.
  void watch(const messages::Watch& request);
  void grant(RequestId id, std::uint32_t events);
  void cancel(RequestId id);
  /// @returns invalid_argument (param "window"); of a sensor of pictures unsupported, when no pictures are asked for,
  /// or payload_too_large.
  Expected<messages::Window> window(const messages::ReadWindow& request, Instant now) const;
  std::vector<std::pair<RequestId, messages::Event>> take_events() { return std::exchange(events_, {}); }

  const SensorChannel& channel() const noexcept { return channel_; }
  std::size_t subscribers() const noexcept { return lines_.size(); }
  /// Frames that some subscriber did not get, over all.
  std::uint64_t lost() const noexcept { return lost_; }

 private:
  struct Line {
    std::optional<std::uint64_t> cursor;  ///< the next number; nothing: the next that comes
    std::int64_t period_ns = 0, due_ns = 0;
    std::uint64_t credit = 0;
    std::optional<messages::SeqRange> lost;  ///< found, not told yet
    bool gap = false;
  };
  void send(RequestId id, Line& line);
  std::optional<messages::Frames> next_frames(Line& line);

  SensorChannel channel_;
  FrameRing ring_;
  SensorLimits limits_;
  std::map<RequestId, Line> lines_;
  std::vector<std::pair<RequestId, messages::Event>> events_;
  std::uint64_t lost_ = 0;
};

}  // namespace zenith::services
