#include "zenith/models/engine/divergence.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace zenith::models {
namespace {

/// log of the sum of exp; NaN when the row is no distribution.
double log_sum(std::span<const float> row) {
  const double most = *std::ranges::max_element(row);
  double sum = 0;
  for (const float value : row) sum += std::exp(static_cast<double>(value) - most);
  return most + std::log(sum);
}

double quantile(const std::vector<double>& sorted, double q) {
  const double at = q * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(at);
  const std::size_t high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + (sorted[high] - sorted[low]) * (at - static_cast<double>(low));
}

}  // namespace

Status Divergence::add(std::span<const float> base, std::span<const float> ours, TokenId target) {
  const double base_sum = log_sum(base), our_sum = log_sum(ours);
  if (!std::isfinite(base_sum))
    return fail(Errc::bad_file, fmt::format("row {} of the base is no distribution: NaN or infinity", kl_.size()));
  if (!std::isfinite(our_sum))
    return fail(Errc::internal, fmt::format("the model's logits of row {} are not finite", kl_.size()));
  double kl = 0;
  for (std::size_t i = 0; i < base.size(); ++i) {
    const double log_p = static_cast<double>(base[i]) - base_sum;
    const double p = std::exp(log_p);
    if (p > 0) kl += p * (log_p - (static_cast<double>(ours[i]) - our_sum));
  }
  kl_.push_back(std::max(kl, 0.0));  // rounding alone makes it negative
  base_nll_ += base_sum - static_cast<double>(base[static_cast<std::size_t>(target)]);
  const auto first = [](std::span<const float> row) { return std::ranges::max_element(row) - row.begin(); };
  if (first(base) == first(ours)) ++agreeing_;
  return {};
}

DivergenceSummary Divergence::summary() const {
  DivergenceSummary out;
  if (kl_.empty()) return out;
  auto sorted = kl_;
  std::ranges::sort(sorted);
  const auto count = static_cast<double>(sorted.size());
  for (const double kl : sorted) out.kl_mean += kl / count;
  out.kl_p99 = quantile(sorted, 0.99);
  out.kl_max = sorted.back();
  out.top1_agreement = static_cast<double>(agreeing_) / count;
  out.base_perplexity = std::exp(base_nll_ / count);
  out.positions = sorted.size();
  return out;
}

}  // namespace zenith::models
