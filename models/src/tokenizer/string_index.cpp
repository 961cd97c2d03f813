#include "tokenizer/string_index.hpp"

#include <xxhash.h>
#include <bit>

namespace zenith::models {
namespace {

// At most half full.
std::size_t slots_for(std::size_t expected) { return std::bit_ceil(expected * 2 + 16); }

std::uint32_t hash_of(std::string_view key) noexcept {
  return static_cast<std::uint32_t>(XXH3_64bits(key.data(), key.size()));
}

}  // namespace

StringIndex::StringIndex(std::size_t expected) : slots_(slots_for(expected)) { keys_.reserve(expected); }

bool StringIndex::insert(std::string_view key, TokenId id) {
  if ((used_ + 1) * 2 > slots_.size()) grow();
  const std::uint32_t hash = hash_of(key);
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = hash & mask;
  while (slots_[at].id >= 0) {
    if (slots_[at].hash == hash && keys_[static_cast<std::size_t>(slots_[at].id)] == key) return false;
    at = (at + 1) & mask;
  }
  slots_[at] = {hash, id};
  const auto index = static_cast<std::size_t>(id);
  if (index >= keys_.size()) keys_.resize(index + 1);
  keys_[index] = key;
  ++used_;
  return true;
}

TokenId StringIndex::find(std::string_view key) const noexcept {
  const std::uint32_t hash = hash_of(key);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = hash & mask; slots_[at].id >= 0; at = (at + 1) & mask) {
    if (slots_[at].hash == hash && keys_[static_cast<std::size_t>(slots_[at].id)] == key) return slots_[at].id;
  }
  return -1;
}

void StringIndex::grow() {
  std::vector<Slot> old(slots_.size() * 2);
  old.swap(slots_);
  const std::size_t mask = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.id < 0) continue;
    std::size_t at = slot.hash & mask;
    while (slots_[at].id >= 0) at = (at + 1) & mask;
    slots_[at] = slot;
  }
}

MergeTable::MergeTable(std::size_t expected) : slots_(slots_for(expected)) {}

std::size_t MergeTable::place(std::uint64_t key) const noexcept {
  const std::size_t mask = slots_.size() - 1;
  const std::uint64_t mixed = (key ^ (key >> 32)) * 0x9E3779B97F4A7C15ULL;  // Fibonacci hashing
  std::size_t at = (mixed >> 24) & mask;
  while (slots_[at].key != kEmpty && slots_[at].key != key) at = (at + 1) & mask;
  return at;
}

void MergeTable::insert(TokenId left, TokenId right, Merge merge) {
  if ((used_ + 1) * 2 > slots_.size()) {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.key != kEmpty) slots_[place(slot.key)] = slot;
    }
  }
  const std::uint64_t key = key_of(left, right);
  Slot& slot = slots_[place(key)];
  if (slot.key == key) return;
  slot = {key, merge};
  ++used_;
}

const Merge* MergeTable::find(TokenId left, TokenId right) const noexcept {
  const Slot& slot = slots_[place(key_of(left, right))];
  return slot.key == kEmpty ? nullptr : &slot.merge;
}

}  // namespace zenith::models
