// The last few requests that something happened to; bounded, the oldest are forgotten.
#pragma once

#include <cstdint>
#include <deque>
#include <set>
#include <utility>

namespace zenith::links {

class Recent {
 public:
  explicit Recent(std::size_t most) : most_(most) {}
  void add(std::uint64_t id, std::uint16_t attempt) {
    if (!known_.emplace(id, attempt).second) return;
    order_.emplace_back(id, attempt);
    if (order_.size() <= most_) return;
    known_.erase(order_.front());
    order_.pop_front();
  }
  bool has(std::uint64_t id, std::uint16_t attempt) const { return known_.contains({id, attempt}); }

 private:
  std::size_t most_;
  std::set<std::pair<std::uint64_t, std::uint16_t>> known_;
  std::deque<std::pair<std::uint64_t, std::uint16_t>> order_;
};

}  // namespace zenith::links
