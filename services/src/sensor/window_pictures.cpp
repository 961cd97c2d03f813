#include "window_pictures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "zenith/core/bitmap.hpp"
#include "zenith/services/sensor/digest.hpp"

namespace zenith::services {
namespace {

struct Taken {
  const FrameBlock* block;
  std::size_t frame;

  const messages::FrameHead& head() const { return block->heads[frame]; }
  std::span<const std::byte> pixels() const {
    return block->data.bytes().subspan(frame * block->frame_bytes(), block->frame_bytes());
  }
  std::uint32_t width() const { return block->dims[1]; }
  std::uint32_t height() const { return block->dims[0]; }
  bool shows_the_same(const Taken& other) const {
    const auto mine = pixels(), its = other.pixels();
    return block->dims == other.block->dims && std::equal(mine.begin(), mine.end(), its.begin(), its.end());
  }
};

std::vector<Taken> taken_after(const FrameRing& ring, std::int64_t since_ns) {
  std::vector<Taken> out;
  for (const FrameBlock& block : ring.blocks()) {
    for (std::size_t f = 0; f < block.heads.size(); ++f) {
      if (block.heads[f].t_ns > since_ns) out.push_back({&block, f});
    }
  }
  return out;
}

/// The last first.
std::vector<Taken> evenly(const std::vector<Taken>& all) {
  std::vector<Taken> out;
  const std::size_t n = std::min(all.size(), messages::kMostWindowPictures);
  for (std::size_t k = 0; k < n; ++k) {
    const Taken& one = all[all.size() - 1 - (n == 1 ? 0 : k * (all.size() - 1) / (n - 1))];
    if (out.empty() || !one.shows_the_same(out.back())) out.push_back(one);
  }
  return out;
}

}  // namespace

Expected<messages::Window> picture_window(const SensorChannel& channel, const FrameRing& ring, std::int64_t since_ns,
                                          std::int64_t now_ns, std::chrono::milliseconds window) {
  messages::Window out = digest(channel, ring, since_ns, window);
  std::size_t bytes = 0;
  for (const Taken& one : evenly(taken_after(ring, since_ns))) {
    bytes += bitmap_bytes(one.width(), one.height());
    if (bytes > messages::kMostWindowPictureBytes) {
      if (!out.pictures.empty()) break;
      return fail(Errc::payload_too_large,
                  fmt::format("sensor {}: a picture of {} x {} pixels is a file of {} bytes, at most {} are read: have "
                              "it give smaller ones",
                              channel.id, one.width(), one.height(), bytes, messages::kMostWindowPictureBytes),
                  "sensor_id");
    }
    auto file = bitmap_of(one.pixels(), one.width(), one.height());
    if (!file) return tl::make_unexpected(std::move(file.error()));
    const double age = static_cast<double>(now_ns - one.head().t_ns) / 1e9;
    out.pictures.push_back({std::max(0.0, age), one.head().wall_ns, Buffer::of(std::move(*file))});
  }
  std::reverse(out.pictures.begin(), out.pictures.end());
  return out;
}

}  // namespace zenith::services
