// Equal ids with Hugging Face's tokenizers and with sentencepiece: tests/parity/tokenizer_goldens.py made the data.
#include <gtest/gtest.h>
#include <fstream>

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

FakeSource spm_source(const std::string& golden, bool space_prefix) {
  FakeSource source;
  source.values["tokenizer.ggml.model"] = std::string{"llama"};
  source.values["tokenizer.ggml.tokens"] = data(golden)["tokens"].get<std::vector<std::string>>();
  source.values["tokenizer.ggml.scores"] = data(golden)["scores"].get<std::vector<double>>();
  source.values["tokenizer.ggml.token_type"] = data(golden)["types"].get<std::vector<std::int64_t>>();
  source.values["tokenizer.ggml.add_space_prefix"] = space_prefix;
  return source;
}

struct SpmCase {
  const char* name;
  const char* golden;
  bool space_prefix;
};

class SpmGolden : public ::testing::TestWithParam<SpmCase> {};

TEST_P(SpmGolden, ids_equal_those_of_sentencepiece) {
  const auto tokenizer = tokenizer_from_gguf(spm_source(GetParam().golden, GetParam().space_prefix));
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  expect_equal_ids(**tokenizer, GetParam().golden, {});
}

TEST_P(SpmGolden, decode_gives_the_text_back) {
  const auto tokenizer = tokenizer_from_gguf(spm_source(GetParam().golden, GetParam().space_prefix));
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  const bool lossless = (*tokenizer)->kind(3) == TokenKind::byte;  // else characters may be unknown
  for (const auto& item : data("texts")["picked"]) {
    const auto text = item.get<std::string>();
    if (!lossless || text.find("\u2581") != std::string::npos) continue;  // U+2581 itself comes back as a space
    EXPECT_EQ((*tokenizer)->decode((*tokenizer)->encode(text, {}), false), text);
  }
}

INSTANTIATE_TEST_SUITE_P(tokenizer, SpmGolden,
                         ::testing::Values(SpmCase{"byte_fallback_and_prefix", "spm_llama", true},
                                           SpmCase{"unknown_tokens", "spm_plain", true},
                                           SpmCase{"user_defined_runs", "spm_gemma", false}),
                         [](const auto& i) { return std::string{i.param.name}; });

std::unique_ptr<Tokenizer> minilm(bool strip_accents) {
  std::ifstream file{model_file("minilm-l6/tokenizer.json")};
  nlohmann::json json = nlohmann::json::parse(file);
  if (!strip_accents) json["normalizer"]["strip_accents"] = false;
  auto made = tokenizer_from_json(json.dump());
  if (!made) throw std::runtime_error(made.error().message);
  return *std::move(made);
}

TEST(WordPieceGolden, ids_equal_on_minilm) {
  expect_equal_ids(*minilm(true), "wordpiece_minilm", {.add_special = true, .parse_special = true});
}

TEST(WordPieceGolden, ids_equal_with_accents_kept) {
  expect_equal_ids(*minilm(false), "wordpiece_minilm_accents", {.parse_special = true});
}

TEST(WordPieceGolden, ids_equal_when_the_vocabulary_comes_from_gguf) {
  const auto json = minilm(true);
  FakeSource source;
  source.values["tokenizer.ggml.model"] = std::string{"bert"};
  std::vector<std::string> tokens;
  std::vector<std::int64_t> types;
  for (std::size_t i = 0; i < json->vocab_size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    const std::string text{json->text(id)};
    const bool control = json->kind(id) == TokenKind::control;
    types.push_back(control ? 3 : 1);
    const bool inside = text.size() > 2 && text.starts_with("##");
    tokens.push_back(control ? text : inside ? text.substr(2) : "\u2581" + text);
  }
  source.values["tokenizer.ggml.tokens"] = tokens;
  source.values["tokenizer.ggml.token_type"] = types;
  const auto tokenizer = tokenizer_from_gguf(source);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  expect_equal_ids(**tokenizer, "wordpiece_minilm", {.add_special = true, .parse_special = true});
}

}  // namespace
}  // namespace zenith::models::testing
