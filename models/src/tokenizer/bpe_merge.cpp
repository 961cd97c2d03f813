#include "tokenizer/bpe_merge.hpp"

#include <algorithm>

namespace zenith::models {
namespace {

constexpr std::size_t kShort = 24;  // below this a scan for the least rank beats the heap
constexpr std::uint32_t kNoRank = ~std::uint32_t{0};

}  // namespace

void BpeMerger::merge(const std::vector<TokenId>& symbols, std::vector<TokenId>& out) {
  if (symbols.size() <= 1) {
    out.insert(out.end(), symbols.begin(), symbols.end());
  } else if (symbols.size() <= kShort) {
    merge_short(symbols, out);
  } else {
    merge_long(symbols, out);
  }
}

void BpeMerger::merge_short(const std::vector<TokenId>& symbols, std::vector<TokenId>& out) {
  ids_ = symbols;
  pending_.resize(ids_.size());
  const auto look = [&](std::size_t i) {
    const Merge* merge = i + 1 < ids_.size() ? merges_.find(ids_[i], ids_[i + 1]) : nullptr;
    pending_[i] = merge != nullptr ? *merge : Merge{kNoRank, -1};
  };
  for (std::size_t i = 0; i < ids_.size(); ++i) look(i);
  while (true) {
    const auto best = std::min_element(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(ids_.size()),
                                       [](const Merge& a, const Merge& b) { return a.rank < b.rank; });
    if (best->rank == kNoRank) break;
    const std::ptrdiff_t at = best - pending_.begin();
    ids_[static_cast<std::size_t>(at)] = best->id;
    ids_.erase(ids_.begin() + at + 1);
    pending_.erase(pending_.begin() + at + 1);
    if (at > 0) look(static_cast<std::size_t>(at) - 1);
    look(static_cast<std::size_t>(at));
  }
  out.insert(out.end(), ids_.begin(), ids_.end());
}

void BpeMerger::offer(std::int32_t at) {
  const Node& node = nodes_[static_cast<std::size_t>(at)];
  if (node.next < 0) return;
  const TokenId right = nodes_[static_cast<std::size_t>(node.next)].id;
  const Merge* merge = merges_.find(node.id, right);
  if (merge == nullptr) return;
  heap_.push_back({merge->rank, static_cast<std::uint32_t>(at), node.id, right, merge->id});
}

void BpeMerger::merge_long(const std::vector<TokenId>& symbols, std::vector<TokenId>& out) {
  const auto later = [](const Candidate& a, const Candidate& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.at > b.at;
  };
  const auto count = static_cast<std::int32_t>(symbols.size());
  nodes_.resize(symbols.size());
  for (std::int32_t i = 0; i < count; ++i)
    nodes_[static_cast<std::size_t>(i)] = {symbols[static_cast<std::size_t>(i)], i - 1, i + 1 < count ? i + 1 : -1};
  heap_.clear();
  for (std::int32_t i = 0; i < count; ++i) offer(i);
  std::make_heap(heap_.begin(), heap_.end(), later);
  const auto push = [&](std::int32_t at) {
    const std::size_t before = heap_.size();
    offer(at);
    if (heap_.size() != before) std::push_heap(heap_.begin(), heap_.end(), later);
  };
  while (!heap_.empty()) {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    const Candidate c = heap_.back();
    heap_.pop_back();
    Node& node = nodes_[c.at];
    if (node.id != c.left || node.next < 0 || nodes_[static_cast<std::size_t>(node.next)].id != c.right)
      continue;  // out of date
    Node& gone = nodes_[static_cast<std::size_t>(node.next)];
    node.id = c.merged;
    node.next = gone.next;
    gone = {-1, -1, -1};
    if (node.next >= 0) nodes_[static_cast<std::size_t>(node.next)].previous = static_cast<std::int32_t>(c.at);
    if (node.previous >= 0) push(node.previous);
    push(static_cast<std::int32_t>(c.at));
  }
  for (std::int32_t i = 0; i >= 0; i = nodes_[static_cast<std::size_t>(i)].next)
    out.push_back(nodes_[static_cast<std::size_t>(i)].id);
}

}  // namespace zenith::models
