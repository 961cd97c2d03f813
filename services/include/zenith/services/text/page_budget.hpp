// Who may take KV pages: sequences grow page by page, and never so that some of them could not all end.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "zenith/services/text/step.hpp"

namespace zenith::services {

/// The banker's algorithm for one resource: pages are given only when afterwards an order exists in which every
/// sequence can take up to its declared maximum and end. So pages are shared by more sequences than could all be long,
/// and nothing is ever preempted or stuck. Source: E. W. Dijkstra, EWD 623. Counts only; the lane owns the pages. One
/// thread.
class PageBudget {
 public:
  explicit PageBudget(std::uint32_t total) noexcept : total_(total), free_(total) {}

  /// @param most pages that the sequence can ever need. @returns false: not now (or never, when most > total).
  bool open(SequenceId id, std::uint32_t first, std::uint32_t most);
  /// To `pages` in all. @returns false: not now; some other sequence must end first.
  bool grow(SequenceId id, std::uint32_t pages);
  void close(SequenceId id);

  std::uint32_t total() const noexcept { return total_; }
  std::uint32_t free() const noexcept { return free_; }
  std::uint32_t used() const noexcept { return total_ - free_; }

 private:
  struct Claim {
    std::uint32_t held = 0, most = 0;
  };
  bool safe() const;
  std::uint32_t total_, free_;
  std::unordered_map<SequenceId, Claim> claims_;
};

}  // namespace zenith::services
