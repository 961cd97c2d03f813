// Who gets which frames: a ring for each sensor, a cursor into it for each subscriber, as much as its credit allows.
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
  SensorCore(std::vector<SensorChannel> channels, SensorLimits limits);

  void add(std::size_t channel, FrameBlock block);
  /// Takes the subscriber, or its events hold why not: overloaded, not_found, invalid_argument.
  void watch(const messages::Watch& request);
  void grant(RequestId id, std::uint32_t events);
  void cancel(RequestId id);
  /// @returns not_found, invalid_argument (param "window").
  Expected<messages::Window> window(const messages::ReadWindow& request, Instant now) const;
  std::optional<std::size_t> channel_of(const std::string& sensor_id) const;
  std::vector<std::pair<RequestId, messages::Event>> take_events() { return std::exchange(events_, {}); }

  const std::vector<SensorChannel>& channels() const noexcept { return channels_; }
  std::size_t subscribers() const noexcept { return lines_.size(); }
  /// Frames that some subscriber did not get, over all.
  std::uint64_t lost() const noexcept { return lost_; }

 private:
  struct Line {
    std::size_t channel = 0;
    std::optional<std::uint64_t> cursor;  ///< the next number; nothing: the next that comes
    std::int64_t period_ns = 0, due_ns = 0;
    std::uint64_t credit = 0;
    std::optional<messages::SeqRange> lost;  ///< found, not told yet
    bool gap = false;
  };
  void send(RequestId id, Line& line);
  std::optional<messages::Frames> next_frames(Line& line);
  bool select(Line& line, const messages::FrameHead& head) const;

  std::vector<SensorChannel> channels_;
  std::vector<FrameRing> rings_;
  SensorLimits limits_;
  std::map<RequestId, Line> lines_;
  std::vector<std::pair<RequestId, messages::Event>> events_;
  std::uint64_t lost_ = 0;
};

}  // namespace zenith::services
