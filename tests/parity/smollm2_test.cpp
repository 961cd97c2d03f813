// SmolLM2 against transformers on the weights of the same file (tests/parity/logits_smollm2.py).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "engine.hpp"
#include "npy.hpp"
#include "zenith/models/engine/evaluate.hpp"

namespace zenith::parity {
namespace {

struct Prompt {
  std::string name;
  std::vector<TokenId> ids, greedy;
  std::vector<double> margins;
  double log_sum_exp = 0.0;
};

std::string data(const std::string& name) { return std::string(ZENITH_TEST_DATA) + "/parity/" + name; }

std::vector<Prompt> prompts() {
  std::ifstream in(data("smollm2.json"));
  const auto json = nlohmann::json::parse(in);
  std::vector<Prompt> out;
  for (const auto& p : json.at("prompts"))
    out.push_back({p.at("name"), p.at("ids"), p.at("greedy"), p.at("margins"), p.at("log_sum_exp")});
  return out;
}

std::filesystem::path model_file() { return default_model("smollm2-135m") / "SmolLM2-135M-Instruct.Q4_1.gguf"; }

/// Compares the last position's logits of each prompt: a seeded sample of the row, its 64 largest, and the whole row's
/// log-sum-exp.
void expect_logits(kernels::Numerics numerics, double limit, double log_sum_exp_limit) {
  const auto cases = prompts();
  const auto sample_ids = load_npy<std::int32_t>(data("smollm2-sample-ids.npy"));
  const auto sample = load_npy<float>(data("smollm2-sample.npy"));
  const auto top_ids = load_npy<std::int32_t>(data("smollm2-top-ids.npy"));
  const auto top = load_npy<float>(data("smollm2-top.npy"));
  ASSERT_EQ(cases.size(), 20U);
  ASSERT_EQ(sample.rows, cases.size());
  Engine engine(model_file(), numerics);
  double worst = 0.0;
  for (std::size_t p = 0; p < cases.size(); ++p) {
    const std::vector<float> logits = engine.last(cases[p].ids);
    std::vector<float> got, want(sample.row(p), sample.row(p) + sample.cols);
    for (const std::int32_t id : sample_ids.values) got.push_back(logits[static_cast<std::size_t>(id)]);
    for (std::size_t i = 0; i < top.cols; ++i) {
      got.push_back(logits[static_cast<std::size_t>(top_ids.row(p)[i])]);
      want.push_back(top.row(p)[i]);
    }
    const double error = nmse(got, want);
    EXPECT_LE(error, limit) << cases[p].name;
    EXPECT_NEAR(log_sum_exp(logits), cases[p].log_sum_exp, log_sum_exp_limit) << cases[p].name;
    worst = error <= worst ? worst : error;
  }
  testing::Test::RecordProperty("worst_nmse", std::to_string(worst));
  std::printf("worst NMSE of 20 prompts: %.3g\n", worst);
}

TEST(SmolLM2, logits_in_exact) { expect_logits(kernels::Numerics::exact, 1e-6, 1e-2); }

TEST(SmolLM2, logits_in_fast) { expect_logits(kernels::Numerics::fast, 1e-3, 0.3); }

TEST(SmolLM2, greedy_text_in_exact) {
  const auto cases = prompts();
  std::vector<std::vector<TokenId>> ids;
  for (const Prompt& p : cases) ids.push_back(p.ids);
  Engine engine(model_file(), kernels::Numerics::exact);
  const auto got = engine.greedy(ids, 64);
  std::size_t equal = 0;
  for (std::size_t p = 0; p < cases.size(); ++p) {
    ASSERT_EQ(cases[p].greedy.size(), 64U);
    if (got[p] == cases[p].greedy) {
      ++equal;
      continue;
    }
    const auto at = static_cast<std::size_t>(std::ranges::mismatch(got[p], cases[p].greedy).in1 - got[p].begin());
    std::printf("%s leaves the reference at token %zu, where its margin is %g\n", cases[p].name.c_str(), at,
                cases[p].margins[at]);
  }
  EXPECT_GE(equal, 19U);
}

TEST(SmolLM2, first_choice_in_fast_where_the_reference_is_sure) {
  Engine engine(model_file(), kernels::Numerics::fast);
  std::size_t sure = 0, agreed = 0, steps = 0;
  for (const Prompt& p : prompts()) {
    std::vector<TokenId> ids = p.ids;
    ids.insert(ids.end(), p.greedy.begin(), p.greedy.end() - 1);
    const Logits logits = engine.all(ids, p.ids.size());
    for (std::size_t i = 0; i < p.greedy.size(); ++i) {
      const TokenId choice = argmax(logits[p.ids.size() - 1 + i]);
      ++steps;
      agreed += choice == p.greedy[i];
      if (p.margins[i] <= 0.5) continue;
      ++sure;
      EXPECT_EQ(choice, p.greedy[i]) << p.name << ", token " << i << ", margin " << p.margins[i];
    }
  }
  EXPECT_GT(sure, steps / 2) << "the goldens have too few sure steps to mean anything";
  std::printf("first choice agrees at %zu of %zu steps, %zu of them sure\n", agreed, steps, sure);
}

class Perplexity : public testing::TestWithParam<kernels::Numerics> {};

TEST_P(Perplexity, within_half_a_percent_of_transformers) {
  std::ifstream in(data("smollm2-perplexity.json"));
  const auto want = nlohmann::json::parse(in);
  const std::vector<TokenId> ids = load_npy<std::int32_t>(data("smollm2-perplexity-ids.npy")).values;
  ASSERT_EQ(ids.size(), want.at("tokens").get<std::size_t>());
  MemoryLedger ledger(std::uint64_t{4} << 30);
  kernels::ThreadPool pool(kernels::usable_cores());
  kernels::Workspace workspace;
  kernels::Exec ex{.pool = &pool, .workspace = &workspace, .numerics = GetParam()};
  auto loaded = value_of(models::load_model(model_file(), {.numerics = GetParam()}, ledger), "smollm2-135m");
  const auto got = value_of(models::perplexity(loaded, ex, ledger, ids), "perplexity");
  EXPECT_EQ(got.windows, want.at("windows").get<std::size_t>());
  EXPECT_EQ(got.scored_tokens, want.at("scored").get<std::size_t>());
  const double reference = want.at("perplexity").get<double>();
  EXPECT_NEAR(got.perplexity / reference, 1.0, 0.005);
  std::printf("perplexity %.5f, transformers %.5f\n", got.perplexity, reference);
}

/// Where tokens begin.
std::set<std::size_t> starts(const models::Tokenizer& tokenizer, const std::vector<TokenId>& ids) {
  std::set<std::size_t> out;
  std::size_t at = 0;
  for (const TokenId id : ids) {
    out.insert(at);
    at += tokenizer.piece(id, true).size();
  }
  return out;
}

// transformers drops the file's pre-tokenizer, which splits single digits off first (README.md).
TEST(SmolLM2, tokens_differ_from_transformers_only_in_blanks_before_a_digit) {
  std::ifstream in(data("perplexity.txt"), std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>{in}, {}};
  MemoryLedger ledger(std::uint64_t{4} << 30);
  const auto loaded = value_of(models::load_model(model_file(), {}, ledger), "smollm2-135m");
  const auto& tokenizer = *loaded.tokenizer;
  const auto ours = tokenizer.encode(text, {});
  const auto theirs = load_npy<std::int32_t>(data("smollm2-perplexity-ids.npy")).values;
  EXPECT_EQ(ours.size(), 2431U);
  EXPECT_EQ(theirs.size(), 2459U);
  const auto our_starts = starts(tokenizer, ours), their_starts = starts(tokenizer, {theirs.begin(), theirs.end()});
  EXPECT_TRUE(std::ranges::includes(their_starts, our_starts)) << "ours only joins";
  for (const std::size_t at : their_starts) {
    if (our_starts.contains(at)) continue;
    ASSERT_GT(at, 0U);
    EXPECT_TRUE(std::isspace(static_cast<unsigned char>(text[at - 1])) != 0 && text[at] == ' ' &&
                std::isdigit(static_cast<unsigned char>(text.at(at + 1))) != 0)
        << "at byte " << at;
  }
}

INSTANTIATE_TEST_SUITE_P(SmolLM2, Perplexity, testing::Values(kernels::Numerics::exact, kernels::Numerics::fast),
                         [](const auto& i) { return i.param == kernels::Numerics::exact ? "exact" : "fast"; });

}  // namespace
}  // namespace zenith::parity
