#include "zenith/services/sensor/frame_ring.hpp"

#include <algorithm>

namespace zenith::services {
namespace {

std::size_t bytes_of(const FrameBlock& block) {
  return sizeof block + block.data.size() + block.heads.size() * sizeof(messages::FrameHead);
}

}  // namespace

void FrameRing::add(FrameBlock block) {
  if (block.heads.empty()) return;
  if (!empty() && block.heads.front().seq < next()) {
    blocks_.clear();
    bytes_ = 0;
  }
  bytes_ += bytes_of(block);
  blocks_.push_back(std::move(block));
  make_room();
}

void FrameRing::make_room() {
  const std::int64_t newest = blocks_.back().heads.back().t_ns;
  while (blocks_.size() > 1) {
    const FrameBlock& oldest = blocks_.front();
    const bool old = newest - oldest.heads.back().t_ns > limits_.keep.count();
    if (!old && bytes_ <= limits_.bytes) return;
    bytes_ -= bytes_of(oldest);
    dropped_ += oldest.heads.size();
    blocks_.pop_front();
  }
}

std::optional<FrameRing::Place> FrameRing::at_or_after(std::uint64_t seq) const {
  const auto block = std::partition_point(blocks_.begin(), blocks_.end(),
                                          [&](const FrameBlock& b) { return b.heads.back().seq < seq; });
  if (block == blocks_.end()) return std::nullopt;
  const auto head = std::partition_point(block->heads.begin(), block->heads.end(),
                                         [&](const messages::FrameHead& h) { return h.seq < seq; });
  return Place{&*block, static_cast<std::size_t>(head - block->heads.begin())};
}

}  // namespace zenith::services
