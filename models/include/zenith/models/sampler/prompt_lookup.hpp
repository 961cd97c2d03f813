// Drafts of the next tokens, copied from where the context has said the same before: no second model.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "zenith/core/sampling.hpp"

namespace zenith::models {

/// The state of one sequence: an index of its tokens, and how earlier drafts fared. One thread at a time.
/// A draft costs rows of a forward pass and changes no token: whoever verifies it samples every position as without it.
class PromptLookup {
 public:
  /// @param context the prompt, and what was generated so far.
  explicit PromptLookup(std::span<const TokenId> context);
  void accept(TokenId id);  ///< a token that was picked joins the context

  /// What followed the longest earlier occurrence of the context's last tokens (three at least). As many tokens, up to
  /// `most`, as have a chance of at least `worth` to be picked, by the record of drafts after matches of that length;
  /// where none has, one token every kProbeEvery times, to notice when the text begins to repeat. Valid until the next
  /// call. Copying goes on through its own end, so that a period of any length is drafted on.
  std::span<const TokenId> draft(std::size_t most, double worth);
  /// Of the last draft `accepted` tokens were picked; `refused`: another token was picked in place of the next one.
  void verified(std::size_t accepted, bool refused);

  static constexpr std::size_t kProbeEvery = 16;

 private:
  struct Record {
    double accepted, refused;
    double chance() const noexcept { return accepted / (accepted + refused); }
  };
  struct Match {
    std::size_t end = 0, length = 0;  ///< tokens before `end` equal the context's last
  };
  Match longest_match() const;
  void index_last();

  std::vector<TokenId> tokens_;
  std::unordered_map<std::uint64_t, std::uint32_t> last_;  // three tokens -> where they ended last
  std::vector<std::uint32_t> before_;                      // [end]: where the same three ended before; 0 = nowhere
  std::vector<TokenId> draft_;
  std::array<Record, 4> records_;  // by match length
  std::size_t record_ = 0, passed_over_ = 0;
};

}  // namespace zenith::models
