#include "zenith/models/sampler/prompt_lookup.hpp"

#include <algorithm>

namespace zenith::models {
namespace {

constexpr std::size_t kGram = 3, kLongest = 32, kCandidates = 8;
constexpr double kMemory = 32;  // tokens that a record weighs at most

std::size_t record_of(std::size_t length) { return length < 4 ? 0 : length < 8 ? 1 : length < 16 ? 2 : 3; }

std::uint64_t key_of(const TokenId* gram) {
  std::uint64_t key = 0;
  for (std::size_t i = 0; i < kGram; ++i)
    key = (key ^ static_cast<std::uint32_t>(gram[i])) * 0x9e3779b97f4a7c15ull + (key >> 29);
  return key;
}

}  // namespace

PromptLookup::PromptLookup(std::span<const TokenId> context) : records_{{{1.2, 2.8}, {2, 2}, {2.8, 1.2}, {3.4, 0.6}}} {
  tokens_.reserve(context.size());
  for (const TokenId id : context) accept(id);
}

void PromptLookup::accept(TokenId id) {
  tokens_.push_back(id);
  index_last();
}

void PromptLookup::index_last() {
  const std::size_t end = tokens_.size();
  before_.resize(end + 1);
  if (end < kGram) return;
  std::uint32_t& last = last_[key_of(tokens_.data() + end - kGram)];
  before_[end] = last;
  last = static_cast<std::uint32_t>(end);
}

PromptLookup::Match PromptLookup::longest_match() const {
  Match best;
  const std::size_t end = tokens_.size();
  std::size_t at = end < kGram ? 0 : before_[end];
  for (std::size_t tried = 0; tried < kCandidates && at > 0; ++tried, at = before_[at]) {
    std::size_t length = 0;
    while (length < std::min(kLongest, at) && tokens_[at - 1 - length] == tokens_[end - 1 - length]) ++length;
    if (length >= kGram && length > best.length) best = {at, length};  // keys may collide
  }
  return best;
}

std::span<const TokenId> PromptLookup::draft(std::size_t most, double worth) {
  draft_.clear();
  const Match match = most == 0 ? Match{} : longest_match();
  if (match.length == 0) return {};
  record_ = record_of(match.length);
  const double chance = records_[record_].chance();
  std::size_t count = 0;
  for (double reached = chance; count < most && reached >= worth; reached *= chance) ++count;
  if (count == 0 && ++passed_over_ % kProbeEvery == 0) count = 1;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t from = match.end + i;
    draft_.push_back(from < tokens_.size() ? tokens_[from] : draft_[from - tokens_.size()]);
  }
  return draft_;
}

void PromptLookup::verified(std::size_t accepted, bool refused) {
  Record& record = records_[record_];
  record.accepted += static_cast<double>(accepted);
  record.refused += refused ? 1 : 0;
  if (const double weight = record.accepted + record.refused; weight > kMemory) {
    record.accepted *= kMemory / weight;
    record.refused *= kMemory / weight;
  }
}

}  // namespace zenith::models
