#include "zenith/services/text/page_budget.hpp"

#include <algorithm>
#include <vector>

namespace zenith::services {

bool PageBudget::open(SequenceId id, std::uint32_t first, std::uint32_t most) {
  if (most > total_ || first > free_ || first > most) return false;
  claims_[id] = {first, most};
  free_ -= first;
  if (safe()) return true;
  close(id);
  return false;
}

bool PageBudget::grow(SequenceId id, std::uint32_t pages) {
  const auto it = claims_.find(id);
  if (it == claims_.end() || pages > it->second.most) return false;
  if (pages <= it->second.held) return true;
  const std::uint32_t more = pages - it->second.held;
  if (more > free_) return false;
  it->second.held += more;
  free_ -= more;
  if (safe()) return true;
  it->second.held -= more;
  free_ += more;
  return false;
}

void PageBudget::close(SequenceId id) {
  const auto it = claims_.find(id);
  if (it == claims_.end()) return;
  free_ += it->second.held;
  claims_.erase(it);
}

bool PageBudget::safe() const {
  // Whoever needs least goes first: if that order fails, every order does.
  std::vector<std::pair<std::uint32_t, std::uint32_t>> claims;  // still needed, held
  claims.reserve(claims_.size());
  for (const auto& [id, claim] : claims_) claims.emplace_back(claim.most - claim.held, claim.held);
  std::sort(claims.begin(), claims.end());
  std::uint64_t at_hand = free_;
  for (const auto& [need, held] : claims) {
    if (need > at_hand) return false;
    at_hand += held;
  }
  return true;
}

}  // namespace zenith::services
