// Every architecture and weight type against transformers, on tiny random models (tests/parity/tiny_models.py,
// tiny_quantised.py).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine.hpp"
#include "npy.hpp"

namespace zenith::parity {
namespace {

struct TinyCase {
  const char* name;
  double fast_limit;  ///< |difference of log-probability| allowed in `fast`: pages of f16, and int8 activations for
                      ///< quantised weights
};

class Tiny : public testing::TestWithParam<TinyCase> {
 protected:
  std::string file(const std::string& suffix) const {
    return std::string(ZENITH_TEST_DATA) + "/parity/tiny-" + GetParam().name + suffix;
  }
  nlohmann::json golden() const {
    std::ifstream in(file(".json"));
    return nlohmann::json::parse(in);
  }
  double worst_difference(kernels::Numerics numerics, std::size_t prefill) const {
    const auto want = load_npy<float>(file("-logprobs.npy"));
    const auto ids = golden().at("ids").get<std::vector<TokenId>>();
    Engine engine(file(".gguf"), numerics, 256);
    const Logits got = engine.all(ids, prefill);
    EXPECT_EQ(got.vocab, want.cols);
    EXPECT_EQ(got.rows, want.rows);
    double worst = 0.0;
    for (std::size_t r = 0; r < got.rows; ++r) {
      const double lse = log_sum_exp(got[r]);
      for (std::size_t v = 0; v < got.vocab; ++v) {
        const double d = std::abs(got[r][v] - lse - want.row(r)[v]);
        worst = d <= worst ? worst : d;  // a NaN becomes the worst
      }
    }
    RecordProperty(prefill == 0 ? "worst_generated" : "worst_prompt", std::to_string(worst));
    return worst;
  }
};

TEST_P(Tiny, log_probabilities_as_transformers_in_exact) {
  EXPECT_LE(worst_difference(kernels::Numerics::exact, 64), 1e-3) << "as a prompt";
  EXPECT_LE(worst_difference(kernels::Numerics::exact, 0), 1e-3) << "as generated tokens";
}

TEST_P(Tiny, greedy_tokens_as_transformers_in_exact) {
  const auto json = golden();
  const auto ids = json.at("ids").get<std::vector<TokenId>>();
  const auto want = json.at("greedy").get<std::vector<TokenId>>();
  ASSERT_EQ(want.size(), 16U);
  Engine engine(file(".gguf"), kernels::Numerics::exact, 256);
  const std::vector<TokenId> prompt(ids.begin(), ids.begin() + json.at("prompt_length").get<std::ptrdiff_t>());
  EXPECT_THAT(engine.greedy({prompt}, want.size())[0], testing::ElementsAreArray(want));
}

TEST_P(Tiny, log_probabilities_near_transformers_in_fast) {
  EXPECT_LE(worst_difference(kernels::Numerics::fast, 64), GetParam().fast_limit) << "as a prompt";
  EXPECT_LE(worst_difference(kernels::Numerics::fast, 0), GetParam().fast_limit) << "as generated tokens";
}

INSTANTIATE_TEST_SUITE_P(parity, Tiny,
                         testing::Values(TinyCase{"llama", 0.05}, TinyCase{"llama-rope", 0.05}, TinyCase{"qwen2", 0.05},
                                         TinyCase{"qwen3", 0.05}, TinyCase{"gemma3", 0.05},
                                         TinyCase{"gemma3-linear", 0.05}, TinyCase{"legacy", 0.5},
                                         TinyCase{"half", 0.05}, TinyCase{"kquant", 0.5}),
                         [](const auto& i) {
                           std::string name = i.param.name;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace zenith::parity
