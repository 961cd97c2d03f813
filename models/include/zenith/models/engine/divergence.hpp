// How far one model's next-token distributions are from a base's: the cost of a type, a mode or a cut, in nats.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "zenith/core/error.hpp"
#include "zenith/core/sampling.hpp"

namespace zenith::models {

struct DivergenceSummary {
  double kl_mean = 0, kl_p99 = 0, kl_max = 0;  ///< KL(base || ours) of each position; p99 interpolates linearly
  double top1_agreement = 0;                   ///< share of positions where both have the same first choice
  double base_perplexity = 0;                  ///< of the base over the same tokens: shows a base of another text
  std::size_t positions = 0;
};

/// Rows of logits or of log-probabilities: adding a constant to a row changes nothing. One thread.
class Divergence {
 public:
  /// One position: f32 [vocab] each, and the token that came there. @pre sizes agree, `target` is below them.
  /// @returns bad_file for a base row that is no distribution (NaN, +inf, all -inf), internal for such a row of ours.
  Status add(std::span<const float> base, std::span<const float> ours, TokenId target);
  DivergenceSummary summary() const;  ///< all zero before the first row

 private:
  std::vector<double> kl_;
  std::size_t agreeing_ = 0;
  double base_nll_ = 0;
};

}  // namespace zenith::models
