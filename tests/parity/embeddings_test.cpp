// minilm-l6 against transformers, from text to vector (tests/parity/embeddings.py).
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine.hpp"
#include "npy.hpp"
#include "zenith/models/engine/embed.hpp"

namespace zenith::parity {
namespace {

class MiniLm : public testing::TestWithParam<kernels::Numerics> {};

TEST_P(MiniLm, token_ids_and_vectors_as_transformers) {
  const std::string data = std::string(ZENITH_TEST_DATA) + "/parity/minilm";
  std::ifstream in(data + ".json");
  const auto texts = nlohmann::json::parse(in).at("texts");
  const auto want = load_npy<float>(data + ".npy");
  ASSERT_EQ(texts.size(), 12U);
  ASSERT_EQ(want.rows, texts.size());

  MemoryLedger ledger(std::uint64_t{4} << 30);
  kernels::ThreadPool pool(kernels::usable_cores());
  kernels::Workspace workspace;
  kernels::Exec ex{.pool = &pool, .workspace = &workspace, .numerics = GetParam()};
  auto loaded = value_of(models::load_model(default_model("minilm-l6"), {.numerics = GetParam()}, ledger), "minilm-l6");
  std::vector<std::vector<TokenId>> sequences;
  for (const auto& text : texts) {
    sequences.push_back(loaded.tokenizer->encode(text.at("text").get<std::string>(), {.add_special = true}));
    EXPECT_EQ(sequences.back(), text.at("ids").get<std::vector<TokenId>>()) << text.at("name");
  }

  const auto got = value_of(models::embed(loaded, ex, ledger, sequences), "embed");
  ASSERT_EQ(got.size(), texts.size());
  for (std::size_t t = 0; t < got.size(); ++t) {
    ASSERT_EQ(got[t].size(), want.cols);
    double dot = 0.0, norm = 0.0;
    for (std::size_t i = 0; i < want.cols; ++i) {
      dot += double{got[t][i]} * want.row(t)[i];
      norm += double{got[t][i]} * got[t][i];
    }
    EXPECT_NEAR(norm, 1.0, 1e-5) << texts[t].at("name");
    EXPECT_GE(dot / std::sqrt(norm), 0.9999) << texts[t].at("name");
  }
}

INSTANTIATE_TEST_SUITE_P(parity, MiniLm, testing::Values(kernels::Numerics::exact, kernels::Numerics::fast),
                         [](const auto& i) { return i.param == kernels::Numerics::exact ? "exact" : "fast"; });

}  // namespace
}  // namespace zenith::parity
