// What a row more costs a decoding step: learnt from the steps themselves.
#pragma once

#include <algorithm>

namespace zenith::services {

/// Least squares of a step's time over its rows, older steps counting less. Until rows have varied, a row is taken for
/// an eighth of a step. One thread.
class StepCost {
 public:
  void add(double rows, double seconds) noexcept {
    constexpr double kForget = 0.97;
    n_ = n_ * kForget + 1;
    x_ = x_ * kForget + rows;
    xx_ = xx_ * kForget + rows * rows;
    y_ = y_ * kForget + seconds;
    xy_ = xy_ * kForget + rows * seconds;
  }

  /// The time of one row more, as a share of the time that a step of `rows` takes for each of them: a drafted row pays
  /// when its token is accepted with at least this chance. 0.02 … 1.
  double worth(double rows) const noexcept {
    double share = kUnknown;  // of one row in a step of one row
    const double spread = n_ * xx_ - x_ * x_;
    if (n_ >= 8 && spread > 0.25 * n_ * n_) {
      const double row = (n_ * xy_ - x_ * y_) / spread, rest = (y_ - row * x_) / n_;
      share = rest + row > 0 ? std::clamp(row / (rest + row), 0.02, 1.0) : 1.0;
    }
    return std::clamp(rows * share / (1 - share + rows * share), 0.02, 1.0);
  }

 private:
  static constexpr double kUnknown = 0.125;
  double n_ = 0, x_ = 0, xx_ = 0, y_ = 0, xy_ = 0;
};

}  // namespace zenith::services
