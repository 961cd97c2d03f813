// A waiting line that serves tenants in turn, and each tenant's requests in order of arrival, by priority first.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "zenith/core/ids.hpp"
#include "zenith/messages/request.hpp"

namespace zenith::services {

/// A tenant with a thousand requests delays another tenant's single one by one request, not by a thousand. One thread.
template <class T>
class FairQueue {
 public:
  void push(messages::Priority priority, TenantId tenant, T item) {
    auto& lines = classes_[static_cast<std::size_t>(priority)];
    auto it = std::find_if(lines.begin(), lines.end(), [&](const Line& l) { return l.tenant == tenant; });
    if (it == lines.end()) it = lines.insert(lines.end(), Line{tenant, {}});
    it->items.push_back(std::move(item));
    ++size_;
  }

  /// The item whose turn it is; stays in place until pop().
  T* front() {
    for (std::size_t c = classes_.size(); c-- > 0;) {
      if (!classes_[c].empty()) return &classes_[c].front().items.front();
    }
    return nullptr;
  }

  /// Takes front(); its tenant goes to the end of the round. @pre not empty.
  T pop() {
    for (std::size_t c = classes_.size(); c-- > 0;) {
      auto& lines = classes_[c];
      if (lines.empty()) continue;
      T item = std::move(lines.front().items.front());
      lines.front().items.pop_front();
      Line line = std::move(lines.front());
      lines.pop_front();
      if (!line.items.empty()) lines.push_back(std::move(line));
      --size_;
      return item;
    }
    std::abort();
  }

  template <class Predicate>
  std::size_t remove_if(Predicate predicate) {
    std::size_t removed = 0;
    for (auto& lines : classes_) {
      for (auto& line : lines) {
        const auto it = std::remove_if(line.items.begin(), line.items.end(), predicate);
        removed += static_cast<std::size_t>(line.items.end() - it);
        line.items.erase(it, line.items.end());
      }
      std::erase_if(lines, [](const Line& l) { return l.items.empty(); });
    }
    size_ -= removed;
    return removed;
  }

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

 private:
  struct Line {
    TenantId tenant;
    std::deque<T> items;
  };
  std::array<std::deque<Line>, 3> classes_;  // by Priority
  std::size_t size_ = 0;
};

}  // namespace zenith::services
