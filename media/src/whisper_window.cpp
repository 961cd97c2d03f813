#include "whisper_window.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "mel.hpp"

namespace zenith::media {
namespace {

constexpr std::size_t kPlaces = kMelFrames / 2, kSamples = kMelHop * 2;  // of the whole window; of one place
constexpr std::size_t kMargin = 25;                                      // places of silence computed each for itself
constexpr std::size_t kSilence = 300;                                    // at least so many for all silence behind
constexpr std::size_t kStep = 50;

}  // namespace

bool WhisperWindow::whole() const noexcept { return places.size() == kPlaces; }

WhisperWindow whole_window() {
  WhisperWindow out{std::vector<std::int64_t>(kPlaces), std::vector<float>(kPlaces, 0.0F)};
  std::iota(out.places.begin(), out.places.end(), 0);
  return out;
}

WhisperWindow window_of(std::size_t samples) {
  const std::size_t exact = (std::min(samples, kMelSamples) + kSamples - 1) / kSamples + kMargin;
  const std::size_t size = (exact + kSilence + kStep - 1) / kStep * kStep;
  WhisperWindow out = whole_window();
  if (size >= kPlaces) return out;
  const std::size_t some = size - exact;
  const double rest = static_cast<double>(kPlaces - exact), each = rest / static_cast<double>(some);
  const double first = std::max(0.5, 1 / each);  // stride, of the mean one; they grow evenly
  const auto edge = [&](std::size_t i) {
    const double x = static_cast<double>(i) / static_cast<double>(some);
    return static_cast<double>(exact) + rest * (first * x + (1 - first) * x * x);
  };
  for (std::size_t i = 0; i < some; ++i) {
    const double begin = edge(i), end = edge(i + 1);
    out.places[exact + i] = static_cast<std::int64_t>((begin + end) / 2);
    out.weights[exact + i] = static_cast<float>(std::log(end - begin));
  }
  out.places.resize(size);
  out.weights.resize(size);
  return out;
}

}  // namespace zenith::media
