// The last few requests that something happened to; bounded, the oldest are forgotten.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <unordered_set>

namespace zenith::links {

class Recent {
 public:
  explicit Recent(std::size_t most) : most_(most) {}
  void add(std::uint64_t id, std::uint16_t attempt) {
    if (!known_.insert({id, attempt}).second) return;
    order_.push_back({id, attempt});
    if (order_.size() <= most_) return;
    known_.erase(order_.front());
    order_.pop_front();
  }
  bool has(std::uint64_t id, std::uint16_t attempt) const { return known_.contains({id, attempt}); }

 private:
  struct Key {
    std::uint64_t id;
    std::uint16_t attempt;
    bool operator==(const Key&) const = default;
  };
  struct HashOfKey {
    std::size_t operator()(const Key& key) const { return std::hash<std::uint64_t>{}(key.id ^ key.attempt); }
  };
  std::size_t most_;
  std::unordered_set<Key, HashOfKey> known_;
  std::deque<Key> order_;
};

}  // namespace zenith::links
