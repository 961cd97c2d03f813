// Equal ids with Hugging Face's tokenizers and with sentencepiece: tests/parity/tokenizer_goldens.py made the data.
#include <gtest/gtest.h>

#include "fixtures.hpp"
#include "zenith/core/utf8.hpp"

namespace zenith::models::testing {
namespace {

void expect_equal_ids(const Tokenizer& tokenizer, const std::string& golden, const EncodeOptions& options) {
  const auto& want = data(golden);
  const auto& texts = data("texts");
  ASSERT_GE(texts["random"].size(), 2000U);
  ASSERT_EQ(texts["random"].size(), want["random"].size());
  ASSERT_EQ(texts["picked"].size(), want["picked"].size());
  int wrong = 0;
  for (std::size_t i = 0; i < texts["picked"].size(); ++i) {
    const auto text = texts["picked"][i].get<std::string>();
    const auto ids = want["picked"][i].get<std::vector<TokenId>>();
    const auto got = tokenizer.encode(text, options);
    if (got != ids && ++wrong <= 10)
      ADD_FAILURE() << golden << " picked " << i << ": " << texts["picked"][i].dump() << "\n got "
                    << nlohmann::json(got).dump() << "\nwant " << nlohmann::json(ids).dump();
  }
  for (std::size_t i = 0; i < texts["random"].size(); ++i) {
    const auto text = texts["random"][i].get<std::string>();
    const auto got = tokenizer.encode(text, options);
    if (crc_of(got) != want["random"][i].get<std::string>() && ++wrong <= 10)
      ADD_FAILURE() << golden << " random " << i << ": " << texts["random"][i].dump(-1, ' ', true) << "\n got "
                    << nlohmann::json(got).dump();
  }
  EXPECT_EQ(wrong, 0) << golden;
}

struct FamilyCase {
  const char* name;
  const char* pre;
  const char* golden;
};

class ByteLevelGolden : public ::testing::TestWithParam<FamilyCase> {};

TEST_P(ByteLevelGolden, ids_equal_on_smollm2s_vocabulary) {
  FakeSource source = smollm_metadata();
  source.values["tokenizer.ggml.pre"] = std::string{GetParam().pre};
  const auto tokenizer = tokenizer_from_gguf(source);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  expect_equal_ids(**tokenizer, GetParam().golden, {});
}

INSTANTIATE_TEST_SUITE_P(
    tokenizer, ByteLevelGolden,
    ::testing::Values(FamilyCase{"smollm", "smollm", "byte_smollm"}, FamilyCase{"gpt2", "gpt-2", "byte_gpt2"},
                      FamilyCase{"llama3", "llama-bpe", "byte_llama3"}, FamilyCase{"qwen2", "qwen2", "byte_qwen2"},
                      FamilyCase{"qwen35", "qwen35", "byte_qwen35"},
                      FamilyCase{"deepseek_v3", "deepseek-v3", "byte_deepseek-v3"},
                      FamilyCase{"deepseek_llm", "deepseek-llm", "byte_deepseek-llm"},
                      FamilyCase{"deepseek_coder", "deepseek-coder", "byte_deepseek-coder"},
                      FamilyCase{"gpt4o", "gpt-4o", "byte_gpt-4o"}, FamilyCase{"tekken", "tekken", "byte_tekken"},
                      FamilyCase{"falcon", "falcon", "byte_falcon"}, FamilyCase{"plain", "default", "byte_default"}),
    [](const auto& i) { return std::string{i.param.name}; });

TEST(ByteLevelGolden, control_tokens_in_trusted_text_as_the_library_finds_them) {
  const auto tokenizer = tokenizer_from_gguf(smollm_metadata());
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  expect_equal_ids(**tokenizer, "byte_smollm_special", {.parse_special = true});
}

}  // namespace
}  // namespace zenith::models::testing
