// The default embedding model's real folder.
#include "zenith/models/engine/embed.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <fstream>

#include "fixture.hpp"
#include "tiny_model.hpp"

namespace zenith::models {
namespace {

using namespace test;
using testing::HasSubstr;

double cosine(const std::vector<float>& a, const std::vector<float>& b) {
  double dot = 0;
  for (std::size_t i = 0; i < a.size(); ++i) dot += double{a[i]} * b[i];
  return dot;
}

class Minilm : public testing::Test {
 protected:
  Machine machine;
  std::optional<LoadedModel> loaded;
  void SetUp() override {
    auto opened = load_model(model_file("minilm-l6"), {}, machine.ledger);
    ASSERT_TRUE(opened) << opened.error().message << " (get it with: zenith pull minilm-l6)";
    loaded.emplace(std::move(*opened));
  }
  std::vector<TokenId> ids(std::string_view text) {
    return loaded->tokenizer->encode(text, EncodeOptions{.add_special = true, .parse_special = false, .untrusted = {}});
  }
};

TEST_F(Minilm, describes_itself) {
  const ModelInfo& info = loaded->model->info();
  EXPECT_EQ(info.architecture, "bert");
  EXPECT_EQ(info.kind, ModelKind::embed);
  EXPECT_EQ(info.pooling, Pooling::mean);
  EXPECT_EQ(info.d_model, 384u);
  EXPECT_EQ(info.context, 512u);
  EXPECT_FALSE(loaded->chat_template);
}

TEST_F(Minilm, near_meanings_have_near_vectors_of_length_one) {
  const std::vector<std::vector<TokenId>> inputs{ids("A cat sits on the mat."), ids("There is a kitten on a rug."),
                                                 ids("Interest rates rose again last quarter.")};
  const auto vectors = embed(*loaded, machine.ex, machine.ledger, inputs);
  ASSERT_TRUE(vectors) << vectors.error().message;
  for (const auto& v : *vectors) EXPECT_NEAR(cosine(v, v), 1.0, 1e-5);
  EXPECT_GT(cosine((*vectors)[0], (*vectors)[1]), 0.4);
  EXPECT_LT(cosine((*vectors)[0], (*vectors)[2]), 0.2);
  // Each alone gives the same bits.
  for (std::size_t i = 0; i < inputs.size(); ++i)
    EXPECT_EQ(embed(*loaded, machine.ex, machine.ledger, std::span{inputs}.subspan(i, 1)).value()[0], (*vectors)[i]);
}

TEST_F(Minilm, refuses_what_does_not_fit) {
  const std::vector<std::vector<TokenId>> empty{{101, 102}, {}}, longest{std::vector<TokenId>(512, 1000)},
      too_long{std::vector<TokenId>(513, 1000)};
  EXPECT_EQ(embed(*loaded, machine.ex, machine.ledger, empty).error().message, "input 1 has no tokens");
  EXPECT_TRUE(embed(*loaded, machine.ex, machine.ledger, longest));
  EXPECT_EQ(embed(*loaded, machine.ex, machine.ledger, too_long).error().code, Errc::context_overflow);
}

TEST_F(Minilm, gives_no_logits) {
  const auto pool = KvPool::make(loaded->model->info().kv, 1, machine.ledger).value();
  BlockTable table{*pool};
  ASSERT_TRUE(table.reserve(1));
  Batch batch;
  batch.sequences = {&table};
  batch.rows.resize(1);
  batch.rows[0].token = 101;
  EXPECT_THAT(loaded->model->run(machine.ex, batch).error().message, HasSubstr("MaskKind::span"));
  batch.rows[0].want_logits = true;
  EXPECT_THAT(loaded->model->run(machine.ex, batch).error().message, HasSubstr("logits of an embedding model"));
}

TEST(embed, a_text_model_is_refused) {
  Machine machine;
  const auto tiny = load_tiny(tiny_gguf("llama"));
  ASSERT_TRUE(tiny);
  const std::vector<std::vector<TokenId>> inputs{{1, 2}};
  EXPECT_EQ(embed(*tiny->model, machine.ex, machine.ledger, inputs).error().code, Errc::unsupported);
}

TEST(embed, a_config_that_is_not_ours_is_refused_by_field) {
  const auto folder = std::filesystem::temp_directory_path() / ("zenith-embed-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  std::filesystem::create_symlink(model_file("minilm-l6/model.safetensors"), folder / "model.safetensors");
  MemoryLedger ledger{std::uint64_t{1} << 30};
  const auto error = [&](const std::string& config) {
    std::ofstream(folder / "config.json") << config;
    return load_model(folder, {}, ledger).error().message;
  };
  EXPECT_THAT(error("{"), HasSubstr("no JSON object"));
  EXPECT_THAT(error(std::string(100000, '[')), HasSubstr("no JSON object"));
  EXPECT_THAT(error(R"({"model_type":"roberta"})"), HasSubstr("field 'model_type' is 'roberta'"));
  EXPECT_THAT(error(R"({"model_type":"bert","hidden_act":"relu"})"), HasSubstr("hidden_act"));
  EXPECT_THAT(error(R"({"model_type":"bert","num_hidden_layers":"6"})"),
              HasSubstr("field 'num_hidden_layers' is missing or no integer"));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace zenith::models
