#include "zenith/models/engine/evaluate.hpp"

#include <gtest/gtest.h>

#include "fixture.hpp"
#include "tiny_model.hpp"

namespace zenith::models {
namespace {

using namespace test;

std::vector<TokenId> some_ids(std::size_t count) {
  Seeded random{3};
  std::vector<TokenId> ids(count);
  for (TokenId& id : ids) id = static_cast<TokenId>(random.next() % kTinyVocab);
  return ids;
}

class Evaluate : public testing::Test {
 protected:
  Machine machine;
  TinyModel tiny = load_tiny(tiny_gguf("llama")).value();
  Model& model = *tiny.model;
};

TEST_F(Evaluate, all_positions_end_in_the_last) {
  const auto ids = some_ids(300);  // over one chunk
  const auto all = logits(model, machine.ex, machine.ledger, ids, true),
             last = logits(model, machine.ex, machine.ledger, ids, false);
  ASSERT_TRUE(all && last);
  ASSERT_EQ(all->size(), 300 * kTinyVocab);
  ASSERT_EQ(last->size(), kTinyVocab);
  EXPECT_TRUE(std::equal(last->begin(), last->end(), all->end() - kTinyVocab));
  EXPECT_EQ(machine.ledger.used(), 0u);
}

TEST_F(Evaluate, refuses_what_does_not_fit) {
  EXPECT_EQ(logits(model, machine.ex, machine.ledger, {}, false).error().code, Errc::invalid_argument);
  EXPECT_EQ(logits(model, machine.ex, machine.ledger, some_ids(513), false).error().code, Errc::context_overflow);
  EXPECT_EQ(logits(model, machine.ex, machine.ledger, std::vector<TokenId>{97}, false).error().message,
            "id 97 (number 0) is not in the vocabulary of 97");
  MemoryLedger little{1000};
  EXPECT_EQ(logits(model, machine.ex, little, some_ids(3), false).error().code, Errc::out_of_memory);
}

// By hand from logits(): the mean over the second half of each window.
TEST_F(Evaluate, perplexity_scores_the_second_half_of_full_windows) {
  const auto ids = some_ids(1024 + 100);
  std::vector<std::size_t> seen;
  const auto result = perplexity(model, machine.ex, machine.ledger, ids, 5, [&](std::size_t done, std::size_t all) {
    seen.push_back(done * 10 + all);
    return true;
  });
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->windows, 2u);
  EXPECT_EQ(result->scored_tokens, 2 * 256u);
  EXPECT_EQ(seen, (std::vector<std::size_t>{12, 22}));
  double total = 0;
  for (const std::size_t start : {std::size_t{0}, std::size_t{512}}) {
    std::vector<TokenId> window(ids.begin() + static_cast<std::ptrdiff_t>(start),
                                ids.begin() + static_cast<std::ptrdiff_t>(start + 512));
    window[0] = 5;
    const auto all = logits(model, machine.ex, machine.ledger, window, true).value();
    for (std::size_t i = 255; i < 511; ++i) {
      double sum = 0;
      for (std::size_t c = 0; c < kTinyVocab; ++c) sum += std::exp(double{all[i * kTinyVocab + c]});
      total += std::log(sum) - double{all[i * kTinyVocab + static_cast<std::size_t>(window[i + 1])]};
    }
  }
  EXPECT_NEAR(result->mean_nll, total / 512, 1e-9);
  EXPECT_NEAR(result->perplexity, std::exp(total / 512), 1e-6);
}

TEST_F(Evaluate, perplexity_stops_when_told_and_needs_a_window) {
  EXPECT_EQ(
      perplexity(model, machine.ex, machine.ledger, some_ids(1024), -1, [](std::size_t, std::size_t) { return false; })
          .error()
          .code,
      Errc::cancelled);
  EXPECT_EQ(perplexity(model, machine.ex, machine.ledger, some_ids(511), -1).error().code, Errc::invalid_argument);
}

TEST_F(Evaluate, generation_ends_at_the_count_at_the_callers_word_and_at_the_context) {
  const auto pick = [](std::span<float> l) { return greedy(l); };
  EXPECT_EQ(generate(model, machine.ex, machine.ledger, some_ids(5), 7, pick)->tokens.size(), 7u);
  EXPECT_EQ(generate(model, machine.ex, machine.ledger, some_ids(5), 0, pick)->tokens.size(), 0u);
  std::size_t told = 0;
  EXPECT_EQ(generate(model, machine.ex, machine.ledger, some_ids(5), 7, pick, [&](TokenId) { return ++told < 3; })
                ->tokens.size(),
            3u);
  EXPECT_EQ(generate(model, machine.ex, machine.ledger, some_ids(510), 100, pick)->tokens.size(), 3u)
      << "the last one needs no slot";
  EXPECT_EQ(generate(model, machine.ex, machine.ledger, some_ids(513), 1, pick).error().code, Errc::context_overflow);
}

}  // namespace
}  // namespace zenith::models
