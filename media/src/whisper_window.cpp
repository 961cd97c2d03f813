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
  const double each = static_cast<double>(kPlaces - exact) / static_cast<double>(some);
  for (std::size_t i = 0; i < some; ++i) {
    const double middle = (static_cast<double>(i) + 0.5) * each;
    out.places[exact + i] = static_cast<std::int64_t>(exact + static_cast<std::size_t>(middle));
    out.weights[exact + i] = static_cast<float>(std::log(each));
  }
  out.places.resize(size);
  out.weights.resize(size);
  return out;
}

}  // namespace zenith::media
