#include "mel.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <numbers>

namespace zenith::media {
namespace {

using Complex = std::complex<float>;

constexpr std::size_t kWindow = 400, kBins = kWindow / 2 + 1;

/// Decimation in time with radices 2 and 5: 400 = 2⁴ · 5².
class Fourier {
 public:
  Fourier() {
    for (std::size_t i = 0; i < kWindow; ++i) {
      const double angle = -2 * std::numbers::pi * static_cast<double>(i) / kWindow;
      roots_[i] = {static_cast<float>(std::cos(angle)), static_cast<float>(std::sin(angle))};
    }
  }
  void run(const std::array<float, kWindow>& in, std::array<Complex, kWindow>& out) const {
    step(in.data(), 1, out.data(), kWindow);
  }

 private:
  void step(const float* in, std::size_t stride, Complex* out, std::size_t n) const {
    if (n == 1) {
      *out = *in;
      return;
    }
    const std::size_t radix = n % 5 == 0 ? 5 : 2, part = n / radix;
    for (std::size_t r = 0; r < radix; ++r) step(in + r * stride, stride * radix, out + r * part, part);
    std::array<Complex, 5> x;
    for (std::size_t k = 0; k < part; ++k) {
      for (std::size_t r = 0; r < radix; ++r) x[r] = times(out[r * part + k], roots_[r * k * stride]);
      for (std::size_t q = 0; q < radix; ++q) {
        Complex sum = x[0];
        for (std::size_t r = 1; r < radix; ++r) sum += times(x[r], roots_[(r * q * kWindow / radix) % kWindow]);
        out[q * part + k] = sum;
      }
    }
  }
  static Complex times(Complex a, Complex b) noexcept {  // without the standard's care for infinities
    return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
  }
  std::array<Complex, kWindow> roots_;
};

double mel_to_hz(double mel) { return mel < 15 ? mel * 200 / 3 : 1000 * std::exp((mel - 15) * std::log(6.4) / 27); }

/// One triangle: weights of the bins from `first` on.
struct Band {
  std::size_t first = 0;
  std::vector<float> weights;
};

std::vector<Band> make_bands() {
  constexpr double kTop = 45.245640471924965;  // 8 kHz in slaney's mel
  std::array<double, kMelBands + 2> edge;
  for (std::size_t i = 0; i < edge.size(); ++i) edge[i] = mel_to_hz(kTop * static_cast<double>(i) / (kMelBands + 1));
  std::vector<Band> bands(kMelBands);
  for (std::size_t b = 0; b < kMelBands; ++b) {
    const double area = 2 / (edge[b + 2] - edge[b]);
    for (std::size_t bin = 0; bin < kBins; ++bin) {
      const double hz = static_cast<double>(bin) * kMelRate / kWindow;
      const double up = (hz - edge[b]) / (edge[b + 1] - edge[b]);
      const double down = (edge[b + 2] - hz) / (edge[b + 2] - edge[b + 1]);
      const double weight = std::max(0.0, std::min(up, down)) * area;
      if (weight <= 0) continue;
      if (bands[b].weights.empty()) bands[b].first = bin;
      bands[b].weights.push_back(static_cast<float>(weight));
    }
  }
  return bands;
}

struct Tables {
  Fourier fourier;
  std::vector<Band> bands = make_bands();
  std::array<float, kWindow> hann;
  Tables() {
    for (std::size_t i = 0; i < kWindow; ++i)
      hann[i] = static_cast<float>(0.5 - 0.5 * std::cos(2 * std::numbers::pi * static_cast<double>(i) / kWindow));
  }
};

}  // namespace

std::vector<float> log_mel(std::span<const float> samples, std::size_t length) {
  static const Tables tables;
  samples = samples.first(std::min(samples.size(), length * kMelHop));
  const auto at = [&](std::ptrdiff_t i) {  // what lies before the first sample is its reflection
    const auto place = static_cast<std::size_t>(i < 0 ? -i : i);
    return place < samples.size() ? samples[place] : 0.0F;
  };
  std::vector<float> mel(kMelBands * length, -10.0F);
  // Frames that see nothing but silence have the floor already.
  const std::size_t frames = std::min(length, (samples.size() + kWindow / 2) / kMelHop + 1);
  float highest = -10.0F;
  std::array<float, kWindow> window;
  std::array<Complex, kWindow> spectrum;
  std::array<float, kBins> power;
  for (std::size_t frame = 0; frame < frames; ++frame) {
    const auto begin = static_cast<std::ptrdiff_t>(frame * kMelHop) - static_cast<std::ptrdiff_t>(kWindow / 2);
    for (std::size_t i = 0; i < kWindow; ++i) window[i] = at(begin + static_cast<std::ptrdiff_t>(i)) * tables.hann[i];
    tables.fourier.run(window, spectrum);
    for (std::size_t bin = 0; bin < kBins; ++bin) power[bin] = std::norm(spectrum[bin]);
    for (std::size_t b = 0; b < kMelBands; ++b) {
      const Band& band = tables.bands[b];
      float sum = 0;
      for (std::size_t i = 0; i < band.weights.size(); ++i) sum += band.weights[i] * power[band.first + i];
      const float log = std::log10(std::max(sum, 1e-10F));
      mel[b * length + frame] = log;
      highest = std::max(highest, log);
    }
  }
  for (float& x : mel) x = (std::max(x, highest - 8) + 4) / 4;
  return mel;
}

}  // namespace zenith::media
