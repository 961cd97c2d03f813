#include "zenith/models/sampler/prompt_lookup.hpp"

#include <gmock/gmock.h>

#include <random>
#include <string>
#include <string_view>

namespace zenith::models {
namespace {

std::vector<TokenId> tokens(std::string_view text) { return {text.begin(), text.end()}; }
std::string text(std::span<const TokenId> ids) { return {ids.begin(), ids.end()}; }

TEST(PromptLookup, copies_what_followed_the_same_words) {
  PromptLookup lookup{tokens("the quick brown fox. the qui")};
  EXPECT_EQ(text(lookup.draft(5, 0.01)), "ck br");
}

TEST(PromptLookup, the_longest_match_wins_and_the_latest_among_equals) {
  EXPECT_EQ(text(PromptLookup{tokens("xabcd1 yabcd2 zzbcd3 yabcd")}.draft(1, 0.01)), "2");
  EXPECT_EQ(text(PromptLookup{tokens("1abcd2 3abcd4 5abcd")}.draft(1, 0.01)), "4");
}

TEST(PromptLookup, a_period_is_drafted_on_past_its_own_end) {
  EXPECT_EQ(text(PromptLookup{tokens("...ababab")}.draft(6, 1e-6)), "ababab");
  EXPECT_EQ(text(PromptLookup{tokens("aaaa")}.draft(4, 1e-6)), "aaaa");
}

TEST(PromptLookup, without_three_equal_tokens_there_is_nothing_to_draft) {
  for (const char* context : {"", "a", "ab", "abc", "abxaby", "abcdefgh"})
    EXPECT_TRUE(PromptLookup{tokens(context)}.draft(4, 0.01).empty()) << context;
  EXPECT_TRUE(PromptLookup{tokens("abcabc")}.draft(0, 0.01).empty());
}

TEST(PromptLookup, accepted_tokens_join_the_context) {
  PromptLookup lookup{tokens("one two three, one ")};
  for (const TokenId id : tokens("two")) lookup.accept(id);
  EXPECT_EQ(text(lookup.draft(6, 0.01)), " three");
}

TEST(PromptLookup, a_draft_grows_with_success_and_shrinks_with_failure) {
  PromptLookup lookup{tokens("abcdefghijklmnopqrstuvwxyz abc")};
  const auto length = [&] { return lookup.draft(15, 0.125).size(); };
  const std::size_t before = length();
  EXPECT_GE(before, 1u);
  EXPECT_LT(before, 15u);
  for (int i = 0; i < 8; ++i) {
    const std::size_t drafted = length();
    lookup.verified(drafted, false);
  }
  EXPECT_EQ(length(), 15u);
  for (int i = 0; i < 60; ++i) {
    if (length() > 0) lookup.verified(0, true);
  }
  EXPECT_LE(length(), 1u);
}

TEST(PromptLookup, text_that_only_seems_to_repeat_costs_next_to_nothing) {
  // Every match is followed by something else.
  PromptLookup lookup{tokens("seed")};
  std::mt19937 random(1);
  std::size_t rows = 0;
  constexpr std::size_t kSteps = 4000;
  for (std::size_t i = 0; i < kSteps; ++i) {
    const auto draft = lookup.draft(15, 0.125);
    rows += draft.size();
    const auto next = static_cast<TokenId>(random() % 8);
    const bool refused = !draft.empty() && draft[0] != next;
    if (!draft.empty()) lookup.verified(refused ? 0 : 1, refused || draft.size() > 1);
    lookup.accept(next);
  }
  EXPECT_GT(rows, 0u) << "nothing was tried";
  EXPECT_LT(rows, kSteps / 4);
}

TEST(PromptLookup, after_long_failure_it_notices_that_the_text_repeats) {
  PromptLookup lookup{tokens("abc")};
  std::mt19937 random(2);
  for (int i = 0; i < 2000; ++i) {
    if (!lookup.draft(15, 0.2).empty()) lookup.verified(0, true);
    lookup.accept(static_cast<TokenId>(random() % 5));
  }
  const auto period = tokens("the same line again and again; ");
  std::size_t right = 0;
  for (int i = 0; i < 40 * 31;) {
    const auto draft = lookup.draft(15, 0.2);
    std::size_t good = 0;
    while (good < draft.size() &&
           draft[good] == period[static_cast<std::size_t>(i + static_cast<int>(good)) % period.size()])
      ++good;
    const bool refused = good < draft.size();
    if (!draft.empty()) lookup.verified(good, refused);
    for (std::size_t j = 0; j <= good; ++j, ++i) lookup.accept(period[static_cast<std::size_t>(i) % period.size()]);
    right += good;
  }
  EXPECT_GT(right, 700u) << "of 1240 tokens";
}

TEST(PromptLookup, whatever_the_context_every_draft_is_a_continuation_that_occurred) {
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    std::vector<TokenId> context;
    PromptLookup lookup{context};
    for (int i = 0; i < 120; ++i) {
      const auto id = static_cast<TokenId>(random() % 3);
      context.push_back(id);
      lookup.accept(id);
      const auto draft = lookup.draft(7, 0.0);
      const bool seen = [&] {
        if (context.size() < 4) return false;
        for (std::size_t at = 3; at < context.size(); ++at) {
          if (std::equal(context.end() - 3, context.end(), context.begin() + static_cast<long>(at) - 3)) return true;
        }
        return false;
      }();
      ASSERT_EQ(!draft.empty(), seen) << "seed " << seed << " at " << i;
      ASSERT_EQ(draft.size(), seen ? 7u : 0u);
    }
  }
}

}  // namespace
}  // namespace zenith::models
