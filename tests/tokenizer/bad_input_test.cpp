// Files that lie: an error that names the key, never a crash.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures.hpp"

namespace zenith::models::testing {
namespace {

using ::testing::HasSubstr;
using Change = void (*)(FakeSource&);

template <class T>
T& value(FakeSource& source, const char* key) {
  return std::get<T>(source.values["tokenizer.ggml." + std::string{key}]);
}

struct BadCase {
  const char* name;
  Change change;
  Errc code;
  const char* param;
  const char* message;
};

class BadMetadata : public ::testing::TestWithParam<BadCase> {};

TEST_P(BadMetadata, is_refused_by_key) {
  FakeSource source = small_byte_level({"a b"}, {{"<e>", 3}});
  GetParam().change(source);
  const auto made = tokenizer_from_gguf(source);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, GetParam().code) << made.error().message;
  EXPECT_EQ(made.error().param, GetParam().param);
  EXPECT_THAT(made.error().message, HasSubstr(GetParam().message));
}

using Strings = std::vector<std::string>;
using Integers = std::vector<std::int64_t>;

INSTANTIATE_TEST_SUITE_P(
    tokenizer, BadMetadata,
    ::testing::Values(
        BadCase{"unknown_model", [](FakeSource& s) { s.values["tokenizer.ggml.model"] = std::string{"t5"}; },
                Errc::unsupported, "tokenizer.ggml.model", "known are gpt2, llama, bert"},
        BadCase{"unknown_pre", [](FakeSource& s) { s.values["tokenizer.ggml.pre"] = std::string{"nova-9"}; },
                Errc::unsupported, "tokenizer.ggml.pre", "'nova-9', known are default, gpt-2"},
        BadCase{"pre_is_a_number", [](FakeSource& s) { s.values["tokenizer.ggml.pre"] = std::int64_t{3}; },
                Errc::bad_file, "tokenizer.ggml.pre", "tokenizer.ggml.pre"},
        BadCase{"no_model", [](FakeSource& s) { s.values.erase("tokenizer.ggml.model"); }, Errc::bad_file,
                "tokenizer.ggml.model", "missing"},
        BadCase{"no_tokens", [](FakeSource& s) { s.values.erase("tokenizer.ggml.tokens"); }, Errc::bad_file,
                "tokenizer.ggml.tokens", "missing"},
        BadCase{"tokens_are_numbers", [](FakeSource& s) { s.values["tokenizer.ggml.tokens"] = Integers{1, 2}; },
                Errc::bad_file, "tokenizer.ggml.tokens", "no array of strings"},
        BadCase{"zero_tokens",
                [](FakeSource& s) {
                  s.values["tokenizer.ggml.tokens"] = Strings{};
                  s.values["tokenizer.ggml.token_type"] = Integers{};
                },
                Errc::bad_file, "tokenizer.ggml.tokens", "no tokens"},
        BadCase{"empty_token", [](FakeSource& s) { value<Strings>(s, "tokens")[7].clear(); }, Errc::bad_file,
                "tokenizer.ggml.tokens", "token 7 is empty"},
        BadCase{"two_of_a_kind", [](FakeSource& s) { value<Strings>(s, "tokens")[8] = "a"; }, Errc::bad_file,
                "tokenizer.ggml.tokens", "same text"},
        BadCase{"types_too_short", [](FakeSource& s) { value<Integers>(s, "token_type").pop_back(); }, Errc::bad_file,
                "tokenizer.ggml.token_type", "257 entries, but there are 258 tokens"},
        BadCase{"types_too_long", [](FakeSource& s) { value<Integers>(s, "token_type").push_back(1); }, Errc::bad_file,
                "tokenizer.ggml.token_type", "259 entries"},
        BadCase{"type_unheard_of", [](FakeSource& s) { value<Integers>(s, "token_type")[5] = 7; }, Errc::bad_file,
                "tokenizer.ggml.token_type", "types are 0 to 6"},
        BadCase{"type_negative", [](FakeSource& s) { value<Integers>(s, "token_type")[5] = std::int64_t{-1} << 40; },
                Errc::bad_file, "tokenizer.ggml.token_type", "types are 0 to 6"},
        BadCase{"eos_out_of_range", [](FakeSource& s) { s.values["tokenizer.ggml.eos_token_id"] = std::int64_t{258}; },
                Errc::bad_file, "tokenizer.ggml.eos_token_id", "is 258, but there are 258 tokens"},
        BadCase{"bos_negative", [](FakeSource& s) { s.values["tokenizer.ggml.bos_token_id"] = std::int64_t{-5}; },
                Errc::bad_file, "tokenizer.ggml.bos_token_id", "is -5"},
        BadCase{"bos_is_a_string", [](FakeSource& s) { s.values["tokenizer.ggml.bos_token_id"] = std::string{"1"}; },
                Errc::bad_file, "tokenizer.ggml.bos_token_id", "bos_token_id"},
        BadCase{"no_merges", [](FakeSource& s) { s.values.erase("tokenizer.ggml.merges"); }, Errc::bad_file,
                "tokenizer.ggml.merges", "missing"},
        BadCase{"merge_without_space", [](FakeSource& s) { value<Strings>(s, "merges")[0] = "ab"; }, Errc::bad_file,
                "tokenizer.ggml.merges", "merge 0 is not two tokens"},
        BadCase{"merge_empty", [](FakeSource& s) { value<Strings>(s, "merges")[0] = ""; }, Errc::bad_file,
                "tokenizer.ggml.merges", "merge 0 is not two tokens"},
        BadCase{"merge_of_unknown_token", [](FakeSource& s) { value<Strings>(s, "merges")[0] = "a zz"; },
                Errc::bad_file, "tokenizer.ggml.merges", "names 'zz', which is no token"},
        BadCase{"merge_into_unknown_token", [](FakeSource& s) { value<Strings>(s, "merges")[0] = "b a"; },
                Errc::bad_file, "tokenizer.ggml.merges", "names 'ba', which is no token"},
        BadCase{"special_token_too_long",
                [](FakeSource& s) { value<Strings>(s, "tokens").back() = std::string(5000, '<'); }, Errc::bad_file,
                "tokenizer.ggml.tokens", "5000 bytes"},
        BadCase{"no_scores", [](FakeSource& s) { s.values["tokenizer.ggml.model"] = std::string{"llama"}; },
                Errc::bad_file, "tokenizer.ggml.scores", "missing"},
        BadCase{"score_is_nan",
                [](FakeSource& s) {
                  s.values["tokenizer.ggml.model"] = std::string{"llama"};
                  s.values["tokenizer.ggml.scores"] = std::vector<double>(258, __builtin_nan(""));
                },
                Errc::bad_file, "tokenizer.ggml.scores", "NaN"},
        BadCase{"bert_without_unknown",
                [](FakeSource& s) {
                  s.values["tokenizer.ggml.model"] = std::string{"bert"};
                  s.values["tokenizer.ggml.unknown_token_id"] = std::int64_t{-1};
                },
                Errc::bad_file, "tokenizer.ggml.tokens", "unknown token"}),
    [](const auto& i) { return std::string{i.param.name}; });

TEST(Metadata, a_file_without_pre_gets_the_default_splitter) {
  FakeSource source = smollm_metadata();
  source.values.erase("tokenizer.ggml.pre");
  const auto without = tokenizer_from_gguf(source);
  source.values["tokenizer.ggml.pre"] = std::string{"default"};
  const auto with = tokenizer_from_gguf(source);
  ASSERT_TRUE(without && with);
  EXPECT_EQ((*without)->encode("It's 12345 (or <= 678)!", {}), (*with)->encode("It's 12345 (or <= 678)!", {}));
}

nlohmann::json small_json() {
  return nlohmann::json::parse(R"({"added_tokens": [{"id": 5, "content": "<e>", "special": true}], "normalizer": null,
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}, "post_processor": null,
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2, "ab": 3, "abc": 4}, "merges": ["a b", ["ab", "c"]]}})");
}

TEST(Json, byte_level_bpe_loads) {
  const auto made = tokenizer_from_json(small_json().dump());
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ((*made)->encode("abcab<e>", {.parse_special = true}), (std::vector<TokenId>{4, 3, 5}));
  EXPECT_EQ((*made)->kind(5), TokenKind::control);
}

TEST(Json, smollm2_written_as_json_gives_the_same_ids) {
  const FakeSource source = smollm_metadata();
  const auto gguf = tokenizer_from_gguf(source);
  ASSERT_TRUE(gguf);
  nlohmann::json json = small_json();
  json["added_tokens"] = nlohmann::json::array();
  json["model"]["vocab"] = nlohmann::json::object();
  for (TokenId id = 0; id < static_cast<TokenId>((*gguf)->vocab_size()); ++id) {
    const std::string text{(*gguf)->text(id)};
    json["model"]["vocab"][text] = id;
    if ((*gguf)->kind(id) == TokenKind::control)
      json["added_tokens"].push_back({{"id", id}, {"content", text}, {"special", true}});
  }
  json["model"]["merges"] = std::get<Strings>(source.values.find("tokenizer.ggml.merges")->second);
  json["pre_tokenizer"] =
      nlohmann::json::parse(R"({"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": true},
    {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}]})");
  const auto made = tokenizer_from_json(json.dump());
  ASSERT_TRUE(made) << made.error().message;
  for (const auto& text : data("texts")["picked"]) {
    EXPECT_EQ((*made)->encode(text.get<std::string>(), {.parse_special = true}),
              (*gguf)->encode(text.get<std::string>(), {.parse_special = true}));
  }
}

struct BadJsonCase {
  const char* name;
  void (*change)(nlohmann::json&);
  Errc code;
  const char* param;
};

class BadJson : public ::testing::TestWithParam<BadJsonCase> {};

TEST_P(BadJson, is_refused_by_field) {
  nlohmann::json json = small_json();
  GetParam().change(json);
  const auto made = tokenizer_from_json(json.dump());
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, GetParam().code) << made.error().message;
  EXPECT_EQ(made.error().param, GetParam().param) << made.error().message;
}

using J = nlohmann::json;

INSTANTIATE_TEST_SUITE_P(
    tokenizer, BadJson,
    ::testing::Values(
        BadJsonCase{"no_object", [](J& j) { j = 5; }, Errc::bad_file, ""},
        BadJsonCase{"unigram", [](J& j) { j["model"]["type"] = "Unigram"; }, Errc::unsupported, "model.type"},
        BadJsonCase{"vocab_is_a_list", [](J& j) { j["model"]["vocab"] = J::array({1}); }, Errc::bad_file,
                    "model.vocab"},
        BadJsonCase{"id_out_of_range", [](J& j) { j["model"]["vocab"]["a"] = 2000000000; }, Errc::bad_file,
                    "model.vocab"},
        BadJsonCase{"id_negative", [](J& j) { j["model"]["vocab"]["a"] = -1; }, Errc::bad_file, "model.vocab"},
        BadJsonCase{"id_twice", [](J& j) { j["model"]["vocab"]["a"] = 1; }, Errc::bad_file, "model.vocab"},
        BadJsonCase{"id_left_out",
                    [](J& j) {
                      j["model"]["vocab"].erase("a");
                      j["model"]["merges"] = J::array();
                      j["added_tokens"].push_back(j["added_tokens"][0]);
                    },
                    Errc::bad_file, "model.vocab"},
        BadJsonCase{"renamed", [](J& j) { j["added_tokens"][0]["id"] = 1; }, Errc::bad_file, "added_tokens"},
        BadJsonCase{"strips", [](J& j) { j["added_tokens"][0]["lstrip"] = true; }, Errc::unsupported, "added_tokens"},
        BadJsonCase{"normalizer", [](J& j) { j["normalizer"] = {{"type", "NFC"}}; }, Errc::unsupported, "normalizer"},
        BadJsonCase{"prefix_space", [](J& j) { j["pre_tokenizer"]["add_prefix_space"] = true; }, Errc::unsupported,
                    "pre_tokenizer"},
        BadJsonCase{"metaspace", [](J& j) { j["pre_tokenizer"] = {{"type", "Metaspace"}}; }, Errc::unsupported,
                    "pre_tokenizer"},
        BadJsonCase{"template_of_pairs", [](J& j) { j["post_processor"] = {{"type", "RobertaProcessing"}}; },
                    Errc::unsupported, "post_processor"},
        BadJsonCase{"merges_of_numbers", [](J& j) { j["model"]["merges"] = J::array({1, 2}); }, Errc::bad_file,
                    "model.merges"},
        BadJsonCase{"merge_of_unknown", [](J& j) { j["model"]["merges"].push_back("c c"); }, Errc::bad_file,
                    "model.merges"}),
    [](const auto& i) { return std::string{i.param.name}; });

TEST(Json, deep_nesting_is_refused_without_recursion) {
  const std::string deep = std::string(200000, '[') + std::string(200000, ']');
  for (const std::string& text :
       {std::string(200000, '['), deep, R"({"model": {"type": "BPE", "vocab": )" + deep + "}}"}) {
    const auto made = tokenizer_from_json(text);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, Errc::bad_file);
  }
}

}  // namespace
}  // namespace zenith::models::testing
