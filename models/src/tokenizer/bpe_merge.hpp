// Byte-pair merging of one piece.
#pragma once

#include <cstdint>
#include <vector>

#include "tokenizer/string_index.hpp"

namespace zenith::models {

/// Applies merges, lowest rank first and the leftmost of equals, until none applies. O(n log n) time, linear memory.
/// One object a call chain: it keeps its working memory; not for two threads at once.
class BpeMerger {
 public:
  explicit BpeMerger(const MergeTable& merges) : merges_(merges) {}

  /// @param symbols the piece's ids, one for each byte or character. @param out gets what remains after merging.
  void merge(const std::vector<TokenId>& symbols, std::vector<TokenId>& out);

 private:
  struct Candidate {
    std::uint32_t rank, at;
    TokenId left, right, merged;
  };
  struct Node {
    TokenId id;
    std::int32_t previous, next;
  };
  void merge_short(const std::vector<TokenId>& symbols, std::vector<TokenId>& out);
  void merge_long(const std::vector<TokenId>& symbols, std::vector<TokenId>& out);
  void offer(std::int32_t at);

  const MergeTable& merges_;
  std::vector<TokenId> ids_;
  std::vector<Merge> pending_;
  std::vector<Node> nodes_;
  std::vector<Candidate> heap_;
};

}  // namespace zenith::models
