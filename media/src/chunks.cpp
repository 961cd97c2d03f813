#include "chunks.hpp"

#include <algorithm>

#include "mel.hpp"

namespace zenith::media {
namespace {

constexpr std::size_t windows(double seconds) {
  return static_cast<std::size_t>(seconds * kActivityRate / static_cast<double>(kActivityWindow));
}
constexpr std::size_t kLongest = kMelSamples / kActivityWindow;  // 29.98 s
constexpr std::size_t kMargin = windows(0.4);                    // kept before and behind speech
constexpr std::size_t kFewest = 3;                               // windows of speech: below it was a click

/// A pause that ends a chunk: the longer the chunk is, the shorter. Each chunk costs some silence on top, so that a
/// breath between two sentences is enough only when most of the 30 s are there.
std::size_t enough_pause(std::size_t length) noexcept {
  if (length >= windows(24)) return windows(0.3);
  return length >= windows(6) ? windows(2) : windows(4);
}

}  // namespace

std::size_t Chunk::spoken_windows(std::size_t from) const noexcept {
  const auto first = std::min(speech.size(), (from + kActivityWindow - 1) / kActivityWindow);
  return static_cast<std::size_t>(std::count_if(speech.begin() + static_cast<std::ptrdiff_t>(first), speech.end(),
                                                [](float p) { return p >= Chunker::kSpeech; }));
}

/// The first so many windows; the rest stays open.
Chunk Chunker::take(std::size_t count) {
  const std::size_t samples = std::min(count * kActivityWindow, open_.samples.size());
  count = std::min(count, open_.speech.size());
  const auto sample = static_cast<std::ptrdiff_t>(samples), window = static_cast<std::ptrdiff_t>(count);
  Chunk out{open_.start,
            {open_.samples.begin(), open_.samples.begin() + sample},
            {open_.speech.begin(), open_.speech.begin() + window}};
  open_.samples.erase(open_.samples.begin(), open_.samples.begin() + sample);
  open_.speech.erase(open_.speech.begin(), open_.speech.begin() + window);
  open_.start += samples;
  return out;
}

void Chunker::keep_last(std::size_t count) {
  if (open_.speech.size() > count) static_cast<void>(take(open_.speech.size() - count));
}

/// Windows before the cut: the middle of the longest pause of the last two thirds, else where speech is least likely.
std::size_t Chunker::best_cut() const noexcept {
  const auto& p = open_.speech;
  std::size_t best = 0, best_length = 0, lowest = p.size() / 3;
  for (std::size_t i = p.size() / 3; i < p.size();) {
    if (p[i] <= p[lowest]) lowest = i;
    std::size_t end = i;
    while (end < p.size() && p[end] < kPause) ++end;
    if (end - i >= best_length && end > i) {
      best_length = end - i;
      best = i + (end - i) / 2 + 1;
    }
    i = std::max(end, i + 1);
  }
  return best_length > 0 ? best : lowest + 1;
}

std::optional<Chunk> Chunker::push(std::span<const float> window, float speech) {
  open_.samples.insert(open_.samples.end(), window.begin(), window.end());
  open_.speech.push_back(speech);
  if (!speaking_) {
    if (speech < kSpeech) {
      keep_last(kMargin);
      return std::nullopt;
    }
    speaking_ = true;
    pause_ = 0;
  }
  pause_ = speech < kPause ? pause_ + 1 : 0;
  const std::size_t length = open_.speech.size();
  if (pause_ >= enough_pause(length)) {
    Chunk out = take(length - pause_ + std::min(pause_, kMargin));
    speaking_ = false;
    keep_last(kMargin);
    if (out.spoken_windows() < kFewest) return std::nullopt;
    return out;
  }
  if (length < kLongest) return std::nullopt;
  Chunk out = take(best_cut());
  if (open_.spoken_windows() == 0) {
    speaking_ = false;
    keep_last(kMargin);
  }
  return out;
}

std::optional<Chunk> Chunker::finish() {
  if (!speaking_) return std::nullopt;
  Chunk out = take(open_.speech.size() - pause_ + std::min(pause_, kMargin));
  open_ = {};
  speaking_ = false;
  if (out.spoken_windows() < kFewest) return std::nullopt;
  return out;
}

}  // namespace zenith::media
