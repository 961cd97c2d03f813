#include "zenith/services/sensor/sensor_core.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "window_pictures.hpp"
#include "zenith/messages/picture.hpp"
#include "zenith/services/sensor/digest.hpp"

namespace zenith::services {
namespace {

using messages::FrameHead;
using messages::Frames;

constexpr std::size_t kEventBytes = std::size_t{256} << 10;  // of more than one frame
constexpr double kMostRate = 1e6;

// Whether the frame is due for a reader that takes one a period. A tenth of a period early is in time: clocks of
// sensors shake.
bool select(std::int64_t period_ns, std::int64_t& due_ns, const FrameHead& head) {
  if (period_ns == 0) return true;
  if (head.t_ns + period_ns / 10 < due_ns) return false;
  due_ns = due_ns == 0 ? head.t_ns + period_ns : std::max(due_ns + period_ns, head.t_ns + period_ns / 2);
  return true;
}

}  // namespace

void SensorCore::add(FrameBlock block) {
  if (block.heads.empty()) return;
  const std::uint64_t first = block.heads.front().seq;
  ring_.add(std::move(block));
  for (auto& [id, line] : lines_) {
    if (!line.cursor) line.cursor = first;
    send(id, line);
  }
}

void SensorCore::watch(const messages::Watch& request) {
  const RequestId id = request.header.id;
  if (!(request.rate_hz >= 0 && request.rate_hz <= kMostRate)) {
    events_.emplace_back(id, Error{Errc::invalid_argument,
                                   fmt::format("rate: must be from 0 (all) to {} frames a second", kMostRate),
                                   "rate",
                                   {}});
    return;
  }
  if (lines_.size() >= limits_.subscribers) {
    events_.emplace_back(id,
                         Error{Errc::overloaded,
                               fmt::format("{} subscribers read this sensor, the limit: retry later", lines_.size()),
                               {},
                               std::chrono::seconds(1)});
    return;
  }
  Line line;
  line.cursor = request.from;
  line.credit = request.credit_events;
  if (request.rate_hz > 0) line.period_ns = static_cast<std::int64_t>(std::llround(1e9 / request.rate_hz));
  if (!line.cursor && !ring_.empty()) line.cursor = ring_.next();
  send(id, lines_[id] = line);
}

void SensorCore::grant(RequestId id, std::uint32_t events) {
  const auto it = lines_.find(id);
  if (it == lines_.end()) return;
  it->second.credit += events;
  send(id, it->second);
}

void SensorCore::cancel(RequestId id) { lines_.erase(id); }

void SensorCore::send(RequestId id, Line& line) {
  while (line.credit > 0) {
    auto frames = next_frames(line);
    if (!frames) return;
    --line.credit;
    events_.emplace_back(id, std::move(*frames));
  }
}

/// The frames of one event lie in one block and have numbers without a hole, so that a hole is always told before the
/// frame that follows it.
std::optional<Frames> SensorCore::next_frames(Line& line) {
  const FrameRing& ring = ring_;
  if (ring.empty() || !line.cursor) return std::nullopt;
  if (*line.cursor > ring.next()) {  // the numbers began again
    line.cursor = ring.first();
    line.gap = true;
  }
  const auto& entry = channel_.entry;
  std::uint64_t wanted = *line.cursor;
  if (entry.policy == messages::BackPressure::latest && wanted < ring.next()) {
    wanted = std::max(wanted, ring.blocks().back().heads.back().seq);
  }
  auto place = ring.at_or_after(wanted);
  while (place) {
    const FrameBlock& block = *place->block;
    const std::uint64_t first = block.heads[place->frame].seq;
    if (first > *line.cursor) {
      lost_ += first - *line.cursor;
      line.lost = messages::SeqRange{line.lost ? line.lost->first : *line.cursor, first - 1};
    }
    const std::size_t bytes = block.frame_bytes();
    const std::size_t most =
        std::clamp<std::size_t>(kEventBytes / std::max<std::size_t>(bytes, 1), 1, messages::kMostFrames);
    std::vector<std::size_t> chosen;
    std::uint64_t next = first;
    for (std::size_t f = place->frame; f < block.heads.size() && chosen.size() < most; ++f) {
      if (block.heads[f].seq != next) break;
      if (select(line.period_ns, line.due_ns, block.heads[f])) chosen.push_back(f);
      ++next;
    }
    line.cursor = next;
    if (chosen.empty()) {
      place = ring.at_or_after(next);
      continue;
    }
    Frames out;
    out.dtype = entry.dtype;
    out.dims = block.dims;
    out.next = next;
    for (const std::size_t f : chosen) out.heads.push_back(block.heads[f]);
    if (chosen.back() - chosen.front() + 1 == chosen.size()) {
      out.data = block.data.slice(chosen.front() * bytes, chosen.size() * bytes);
    } else {
      std::vector<std::byte> data(chosen.size() * bytes);
      for (std::size_t i = 0; i < chosen.size(); ++i) {
        std::memcpy(data.data() + i * bytes, block.data.data() + chosen[i] * bytes, bytes);
      }
      out.data = Buffer::of(std::move(data));
    }
    out.lost = std::exchange(line.lost, std::nullopt);
    if (out.lost || std::exchange(line.gap, false)) out.heads.front().flags |= messages::kFrameGap;
    return out;
  }
  return std::nullopt;
}

Expected<messages::Window> SensorCore::window(const messages::ReadWindow& request, Instant now) const {
  const auto most = std::min<Duration>(limits_.ring.keep, messages::kLongestWindow);
  if (request.window.count() < 1 || request.window > most) {
    return fail(Errc::invalid_argument,
                fmt::format("window: must be from 1 ms to {} s, as long as frames are kept",
                            std::chrono::duration_cast<std::chrono::seconds>(most).count()),
                "window");
  }
  const std::int64_t until = now.time_since_epoch().count();
  const std::int64_t since = until - std::chrono::duration_cast<Duration>(request.window).count();
  if (messages::is_picture(channel_.entry)) {
    if (request.pictures) return picture_window(channel_, ring_, since, until, request.window);
    return fail(Errc::unsupported,
                fmt::format("sensor {} gives pictures, and a window is numbers: GET /v1/sensors/{}/picture is the last "
                            "one; in a chat a part of type sensor has some of the window read",
                            channel_.id, channel_.id),
                "sensor_id");
  }
  return digest(channel_, ring_, since, request.window);
}

}  // namespace zenith::services
