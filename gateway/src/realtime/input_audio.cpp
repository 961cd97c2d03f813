#include "realtime/input_audio.hpp"

#include <algorithm>
#include <utility>

namespace zenith::gateway::realtime {
namespace {

constexpr std::uint64_t kOverhang =
    2 * VoiceActivity::kFrame;  ///< kept beyond the prefix: the frames that make an onset

std::uint64_t samples_of(std::uint32_t ms) { return std::uint64_t{ms} * InputAudio::kRate / 1000; }

}  // namespace

InputAudio::InputAudio(const MakeVoiceActivity& make) {
  if (!make) return;
  for (auto& detector : detectors_) detector = make();
}

bool InputAudio::append(Encoding encoding, std::string bytes) {
  if (bytes.empty()) return true;
  if (pending_bytes_ + bytes.size() > kMostPending) return false;
  pending_bytes_ += bytes.size();
  pending_.push_back({encoding, std::move(bytes), 0});
  return true;
}

void InputAudio::hear(const ServerVad* rules, const std::function<void(Edge, std::uint64_t)>& edge) {
  if (pending_.empty()) return;
  Piece& piece = pending_.front();
  const std::size_t size = std::min(piece.bytes.size() - piece.at, kSlice * sample_bytes(piece.encoding));
  if (!resampler_ || rate_of(piece.encoding) != rate_of(encoding_)) resampler_.emplace(rate_of(piece.encoding), kRate);
  encoding_ = piece.encoding;
  decoded_.clear();
  fresh_.clear();
  decode(piece.encoding, std::string_view{piece.bytes}.substr(piece.at, size), decoded_);
  piece.at += size;
  pending_bytes_ -= size;
  if (piece.at == piece.bytes.size()) pending_.pop_front();
  resampler_->push(decoded_, fresh_);
  const std::size_t room = kMostSamples - std::min<std::size_t>(kept_.size(), kMostSamples);
  kept_.insert(kept_.end(), fresh_.begin(),
               fresh_.begin() + static_cast<std::ptrdiff_t>(std::min(room, fresh_.size())));
  if (rules == nullptr || !hears()) {
    heard_ = end();
    return;
  }
  for (heard_ = std::max(heard_, begin_); heard_ + kHop <= end();) {
    judge(kept_.data() + (heard_ - begin_), *rules, edge);
    if (turns_.speaking()) continue;
    const std::uint64_t wanted = samples_of(rules->prefix_ms) + kOverhang;
    if (heard_ - begin_ <= wanted) continue;
    const std::uint64_t drop = heard_ - begin_ - wanted;
    kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(drop));
    begin_ += drop;
  }
}

void InputAudio::judge(const std::int16_t* hop, const ServerVad& rules,
                       const std::function<void(Edge, std::uint64_t)>& edge) {
  std::copy(frame_.begin() + kHop, frame_.end(), frame_.begin());
  std::transform(hop, hop + kHop, frame_.begin() + kHop,
                 [](std::int16_t s) { return static_cast<float>(s) / 32768.0F; });
  heard_ += kHop;
  const Edge found = turns_.on_frame(detectors_[next_detector_]->probability(frame_), rules);
  next_detector_ = 1 - next_detector_;
  if (found != Edge::none) edge(found, heard_);
}

std::vector<std::int16_t> InputAudio::take(std::uint64_t until) {
  turns_.reset();
  const std::size_t count = std::min<std::uint64_t>(until - std::min(until, begin_), kept_.size());
  begin_ += count;
  if (count == kept_.size()) return std::exchange(kept_, {});
  const auto cut = kept_.begin() + static_cast<std::ptrdiff_t>(count);
  std::vector<std::int16_t> out(kept_.begin(), cut);
  kept_.erase(kept_.begin(), cut);
  return out;
}

std::vector<std::int16_t> InputAudio::peek(std::uint64_t until) const {
  const std::size_t count = std::min<std::uint64_t>(until - std::min(until, begin_), kept_.size());
  return {kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(count)};
}

void InputAudio::clear() {
  take(end());
  pending_.clear();
  pending_bytes_ = 0;
  frame_.fill(0);
  for (auto& detector : detectors_) {
    if (detector) detector->reset();
  }
}

}  // namespace zenith::gateway::realtime
