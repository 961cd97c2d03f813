// The default model's real file. It is pulled by `zenith pull smollm2-135m`; without it these tests fail.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixture.hpp"
#include "zenith/models/engine/evaluate.hpp"
#include "zenith/models/weights/gguf.hpp"

namespace zenith::models {
namespace {

using test::Machine;

// "The capital of France is": ids of SmolLM2's vocabulary.
const std::vector<TokenId> kPrompt{504, 3575, 282, 4649, 314};

class Smollm2 : public testing::Test {
 protected:
  void SetUp() override {
    auto source = open_gguf(test::smollm2());
    ASSERT_TRUE(source) << source.error().message << " (get it with: zenith pull smollm2-135m)";
    source_ = std::move(*source);
  }
  std::unique_ptr<Model> make(kernels::Numerics numerics) {
    auto model = make_model(*source_, {.numerics = numerics});
    EXPECT_TRUE(model) << model.error().message;
    return model ? std::move(*model) : nullptr;
  }
  std::unique_ptr<WeightSource> source_;
};

TEST_F(Smollm2, describes_itself) {
  const auto model = make(kernels::Numerics::fast);
  ASSERT_NE(model, nullptr);
  const ModelInfo& info = model->info();
  EXPECT_EQ(info.architecture, "llama");
  EXPECT_EQ(info.layers, 30u);
  EXPECT_EQ(info.d_model, 576u);
  EXPECT_EQ(info.vocab, 49152u);
  EXPECT_EQ(info.context, 8192u);
  EXPECT_EQ(info.license, "apache-2.0");
  EXPECT_EQ(info.weight_bytes, 98362432u);
  EXPECT_EQ(info.parameters, 134515008u);
  EXPECT_NE(info.generation.value, 0u);
}

TEST_F(Smollm2, continues_a_text_greedily) {
  for (const auto numerics : {kernels::Numerics::exact, kernels::Numerics::fast}) {
    Machine machine{2, numerics};
    const auto model = make(numerics);
    ASSERT_NE(model, nullptr);
    auto out = generate(*model, machine.ex, machine.ledger, kPrompt, 8, [](std::span<float> l) { return greedy(l); });
    ASSERT_TRUE(out) << out.error().message;
    EXPECT_THAT(out->tokens, testing::ElementsAre(7042, 30, 198, 198, 504, 2988, 314, 42));
  }
}

}  // namespace
}  // namespace zenith::models
