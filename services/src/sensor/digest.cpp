#include "zenith/services/sensor/digest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "zenith/messages/picture.hpp"

namespace zenith::services {
namespace {

using messages::SampleType;

static_assert(std::endian::native == std::endian::little, "frames are little-endian");

template <class T>
double load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return static_cast<double>(value);
}

double number_at(const std::byte* at, SampleType type) {
  switch (type) {
    case SampleType::u8: return load<std::uint8_t>(at);
    case SampleType::i8: return load<std::int8_t>(at);
    case SampleType::u16: return load<std::uint16_t>(at);
    case SampleType::i16: return load<std::int16_t>(at);
    case SampleType::u32: return load<std::uint32_t>(at);
    case SampleType::i32: return load<std::int32_t>(at);
    case SampleType::u64: return load<std::uint64_t>(at);
    case SampleType::i64: return load<std::int64_t>(at);
    case SampleType::f32: return load<float>(at);
    case SampleType::f64: return load<double>(at);
  }
  return 0;
}

/// Sums of one element over the window, around its first value and time so that large numbers keep their digits.
struct Sums {
  double n = 0, y0 = 0, y = 0, yy = 0, t = 0, tt = 0, ty = 0;
  double min = std::numeric_limits<double>::infinity(), max = -min, last = 0;

  void add(double seconds, double value) {
    if (!std::isfinite(value)) return;
    if (n == 0) y0 = value;
    const double d = value - y0;
    n += 1;
    y += d;
    yy += d * d;
    t += seconds;
    tt += seconds * seconds;
    ty += seconds * d;
    last = value;
  }
  void widen(double value) {
    if (!std::isfinite(value)) return;
    min = std::min(min, value);
    max = std::max(max, value);
  }
  double slope() const {
    const double spread = tt - t * t / n;
    return n < 3 || spread <= 0 ? 0 : (ty - t * y / n) / spread;
  }
  /// Of value and time: 1 or -1 on a line, near 0 when the time says nothing.
  double correlation() const {
    const double st = tt - t * t / n, sy = yy - y * y / n;
    return n < 3 || st <= 0 || sy <= 0 ? 0 : (ty - t * y / n) / std::sqrt(st * sy);
  }
};

constexpr double kTrend = 0.5;  // a correlation beyond this is called one

std::string_view trend_of(const Sums& sums) {
  const double r = sums.correlation();
  return r > kTrend ? "rising" : r < -kTrend ? "falling" : "steady";
}

std::string rate_text(const std::string& unit, double slope, double span) {
  return fmt::format("{}{} in {:.3g} s", slope >= 0 ? "+" : "", with_unit(slope * span, unit), span);
}

std::string describe(const messages::Window& window, const std::vector<Sums>& sums, std::string_view what) {
  std::string out = fmt::format("Sensor {}, the last {:g} s: ", window.sensor_id,
                                std::chrono::duration<double>(window.window).count());
  if (window.frames == 0) return out + fmt::format("no {}s.", what);
  out += fmt::format("{} {}{}, ", window.frames, what, window.frames == 1 ? "" : "s");
  out += window.gaps == 0
             ? "no gaps."
             : fmt::format("{} gap{} ({} missing).", window.gaps, window.gaps == 1 ? "" : "s", window.lost);
  for (std::size_t i = 0; i < window.elements.size(); ++i) {
    const auto& e = window.elements[i];
    out += fmt::format("\n- {}: last {}, mean {}, min {}, max {}, {}", e.label, with_unit(e.last, window.unit),
                       with_unit(e.mean, window.unit), with_unit(e.min, window.unit), with_unit(e.max, window.unit),
                       trend_of(sums[i]));
    if (std::abs(sums[i].correlation()) > kTrend)
      out += " (" + rate_text(window.unit, e.slope_per_s, window.span_s) + ")";
  }
  return out;
}

}  // namespace

std::string with_unit(double value, const std::string& unit) {
  if (unit.starts_with("By")) {
    static constexpr std::array<std::string_view, 6> kSteps{"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
    std::size_t step = 0;
    while (std::abs(value) >= 1024 && step + 1 < kSteps.size()) {
      value /= 1024;
      ++step;
    }
    return fmt::format("{:.4g} {}{}", value, kSteps[step], unit.substr(2));
  }
  if (unit == "1") return fmt::format("{:.6g}", value);
  if (unit == "Cel") return fmt::format("{:.4g} °C", value);
  return fmt::format("{:.6g} {}", value, unit);
}

messages::Window digest(const SensorChannel& channel, const FrameRing& ring, std::int64_t since_ns,
                        std::chrono::milliseconds window) {
  messages::Window out;
  out.sensor_id = channel.id;
  out.unit = channel.entry.unit;
  out.window = window;
  std::vector<Sums> sums;
  std::vector<std::string> labels;
  std::int64_t first_ns = 0, last_ns = 0;
  std::uint64_t next = 0;
  const SampleType type = channel.entry.dtype;
  const std::size_t size = size_of(type);
  const bool pictures = messages::is_picture(channel.entry);  // their pixels are no measurements
  for (const FrameBlock& block : ring.blocks()) {
    if (block.heads.back().t_ns <= since_ns) continue;
    const std::size_t elements = pictures ? 0 : block.frame_bytes() / size;
    const std::size_t rows = elements > messages::kMostStats ? 1 : elements;
    if (sums.size() < rows) sums.resize(rows);
    for (std::size_t f = 0; f < block.heads.size(); ++f) {
      const auto& head = block.heads[f];
      if (head.t_ns <= since_ns) continue;
      if (out.frames == 0) {
        first_ns = head.t_ns;
      } else {
        const std::uint64_t missing = head.seq - next;
        out.lost += missing;
        out.gaps += missing > 0 || (head.flags & messages::kFrameGap) != 0 ? 1 : 0;
      }
      ++out.frames;
      next = head.seq + 1;
      last_ns = head.t_ns;
      const double seconds = static_cast<double>(head.t_ns - first_ns) / 1e9;
      const std::byte* at = block.data.data() + f * block.frame_bytes();
      double all = 0;
      for (std::size_t i = 0; i < elements; ++i) {
        const double value = number_at(at + i * size, type);
        sums[rows == 1 ? 0 : i].widen(value);
        if (rows == elements) sums[i].add(seconds, value);
        all += value;
      }
      if (rows != elements && elements > 0) sums[0].add(seconds, all / static_cast<double>(elements));
    }
  }
  out.span_s = static_cast<double>(last_ns - first_ns) / 1e9;
  std::vector<Sums> kept;
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const Sums& s = sums[i];
    if (s.n == 0) continue;
    const auto& names = channel.entry.labels;
    std::string label = i < names.size() && names.size() == sums.size() ? names[i]
                        : sums.size() == 1                              ? channel.entry.channel
                                                                        : fmt::format("[{}]", i);
    out.elements.push_back({std::move(label), s.y0 + s.y / s.n, s.min, s.max, s.last, s.slope()});
    kept.push_back(s);
  }
  out.text = describe(out, kept, pictures ? "picture" : "measurement");
  return out;
}

}  // namespace zenith::services
