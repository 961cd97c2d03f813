#include "numbering.hpp"

#include <algorithm>
#include <cmath>

namespace zenith::sensorhost {
namespace {

constexpr double kMostMissed = 1e12;

}  // namespace

Numbering::Numbered Numbering::next(std::uint64_t plugin_seq, std::int64_t t_ns) {
  if (last_) {
    const std::uint64_t step = plugin_seq - *last_;
    last_ = plugin_seq;
    seq_ += step;
    return {seq_, step > 1};
  }
  last_ = plugin_seq;
  if (!before_) {
    seq_ = plugin_seq;
    return {seq_, false};
  }
  const double away = static_cast<double>(std::max<std::int64_t>(t_ns - before_->t_ns, 0)) / 1e9;
  const double missed = std::clamp(std::round(away * rate_hz_) - 1, 1.0, kMostMissed);
  seq_ = before_->next + static_cast<std::uint64_t>(missed);
  return {seq_, true};
}

}  // namespace zenith::sensorhost
