// From a token's bytes to its id, and from a pair of ids to the merge: open addressing, filled once, then read by any
// thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "zenith/core/sampling.hpp"

namespace zenith::models {

/// Maps byte strings to ids. Borrows the strings: they must stay where they are.
class StringIndex {
 public:
  explicit StringIndex(std::size_t expected = 0);
  /// @pre id >= 0, and has no key yet. @returns false if the key is there already (the first id stays).
  bool insert(std::string_view key, TokenId id);
  /// @returns -1 if it is not there.
  TokenId find(std::string_view key) const noexcept;

 private:
  struct Slot {
    std::uint32_t hash = 0;
    TokenId id = -1;
  };
  void grow();
  std::vector<Slot> slots_;
  std::vector<std::string_view> keys_;  // by id: smaller than in the slots, most of which are empty
  std::size_t used_ = 0;
};

/// A merge: what a pair of neighbours becomes, and how early (a low rank goes first).
struct Merge {
  std::uint32_t rank;
  TokenId id;
};

class MergeTable {
 public:
  explicit MergeTable(std::size_t expected = 0);
  /// The first rank of a pair stays.
  void insert(TokenId left, TokenId right, Merge merge);
  /// @returns nullptr if the pair does not merge.
  const Merge* find(TokenId left, TokenId right) const noexcept;

 private:
  struct Slot {
    std::uint64_t key = kEmpty;
    Merge merge{};
  };
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};  // ids are not negative, so no pair has this key
  static std::uint64_t key_of(TokenId left, TokenId right) noexcept {
    return (std::uint64_t{static_cast<std::uint32_t>(left)} << 32) | static_cast<std::uint32_t>(right);
  }
  std::size_t place(std::uint64_t key) const noexcept;
  std::vector<Slot> slots_;
  std::size_t used_ = 0;
};

}  // namespace zenith::models
