// Byte-level BPE: what text becomes, what ids stand for, and what user text must never become.
#include <gtest/gtest.h>

#include <thread>

#include "fixtures.hpp"

namespace zenith::models::testing {
namespace {

std::unique_ptr<Tokenizer> load(const FakeSource& source) {
  auto made = tokenizer_from_gguf(source);
  if (!made) throw std::runtime_error(made.error().message);
  return *std::move(made);
}

std::unique_ptr<Tokenizer> smollm() { return load(smollm_metadata()); }

TEST(ByteBpe, smollm2_encodes_a_chat_turn) {
  const auto t = smollm();
  const std::string text = "<|im_start|>user\nHi<|im_end|>\n";
  const auto ids = t->encode(text, {.parse_special = true});
  EXPECT_EQ(ids.front(), 1);
  EXPECT_EQ(std::count(ids.begin(), ids.end(), 2), 1);
  EXPECT_EQ(t->decode(ids, true), text);
  EXPECT_EQ(t->decode(ids, false), "user\nHi\n");
  EXPECT_EQ(t->vocab_size(), 49152U);
  EXPECT_EQ(t->bos(), 1);
  EXPECT_EQ(t->eos(), 2);
  EXPECT_FALSE(t->adds_bos());
  EXPECT_EQ(t->kind(2), TokenKind::control);
  EXPECT_EQ(t->text(2), "<|im_end|>");
}

TEST(ByteBpe, the_end_of_generation_is_found_by_name) {
  const auto t = smollm();
  const auto ends = t->end_of_generation();
  EXPECT_EQ(std::vector<TokenId>(ends.begin(), ends.end()), (std::vector<TokenId>{0, 2}));
}

TEST(ByteBpe, ids_out_of_range_decode_to_nothing) {
  const auto t = smollm();
  for (const TokenId id : {-1, 49152, 2147483647, -2147483647}) {
    EXPECT_EQ(t->piece(id, true), "");
    EXPECT_EQ(t->text(id), "");
    EXPECT_EQ(t->kind(id), TokenKind::unused);
  }
}

TEST(ByteBpe, any_bytes_survive_a_round_trip_when_every_byte_has_a_token) {
  const auto t = load(small_byte_level({"a b", "ab c", "\xC3\x83 \xC2\xA9"}, {}));
  std::string all;
  for (int b = 255; b >= 0; --b) all.push_back(static_cast<char>(b));
  for (const std::string& text :
       {all, std::string{"\xFF\xFE abc \xC3"}, std::string{"\xED\xA0\x80\xF4\x90\x80\x80"}, std::string(3, '\0')}) {
    EXPECT_EQ(t->decode(t->encode(text, {}), false), text);
  }
}

TEST(ByteBpe, bos_and_eos_are_added_as_the_metadata_says) {
  FakeSource source = small_byte_level({}, {{"<s>", 3}, {"</s>", 3}});
  source.values["tokenizer.ggml.bos_token_id"] = std::int64_t{256};
  source.values["tokenizer.ggml.eos_token_id"] = std::int64_t{257};
  source.values["tokenizer.ggml.add_bos_token"] = true;
  source.values["tokenizer.ggml.add_eos_token"] = true;
  const auto t = load(source);
  EXPECT_EQ(t->encode("a", {.add_special = true}), (std::vector<TokenId>{256, 'a', 257}));
  EXPECT_EQ(t->encode("a", {}), (std::vector<TokenId>{'a'}));
  EXPECT_TRUE(t->adds_bos());
}

struct TrustCase {
  const char* name;
  bool parse_special;
  std::vector<TextRange> untrusted;
  std::vector<TokenId> want;  // of "<e>x<e>", with <e> = 256 and <u> = 257
};

class ByteBpeTrust : public ::testing::TestWithParam<TrustCase> {};

TEST_P(ByteBpeTrust, control_tokens_come_from_trusted_text_only) {
  const auto t = load(small_byte_level({}, {{"<e>", 3}, {"<u>", 4}}));
  const auto& c = GetParam();
  EXPECT_EQ(t->encode("<e>x<e>", {.parse_special = c.parse_special, .untrusted = c.untrusted}), c.want);
}

INSTANTIATE_TEST_SUITE_P(
    tokenizer, ByteBpeTrust,
    ::testing::Values(TrustCase{"plain_text", false, {}, {'<', 'e', '>', 'x', '<', 'e', '>'}},
                      TrustCase{"trusted", true, {}, {256, 'x', 256}},
                      TrustCase{"first_inside", true, {{0, 3}}, {'<', 'e', '>', 'x', 256}},
                      TrustCase{"last_touched_at_its_end", true, {{6, 7}}, {256, 'x', '<', 'e', '>'}},
                      TrustCase{"last_touched_at_its_beginning", true, {{3, 5}}, {256, 'x', '<', 'e', '>'}},
                      TrustCase{"neighbours_do_not_touch", true, {{3, 4}}, {256, 'x', 256}},
                      TrustCase{"empty_ranges_touch_nothing", true, {{1, 1}, {5, 5}}, {256, 'x', 256}},
                      TrustCase{"all", true, {{0, 7}}, {'<', 'e', '>', 'x', '<', 'e', '>'}}),
    [](const auto& i) { return std::string{i.param.name}; });

TEST(ByteBpe, user_defined_tokens_are_found_in_any_text) {
  const auto t = load(small_byte_level({}, {{"<e>", 3}, {"<u>", 4}}));
  const std::vector<TextRange> all{{0, 3}};
  EXPECT_EQ(t->encode("<u>", {}), (std::vector<TokenId>{257}));
  EXPECT_EQ(t->encode("<u>", {.parse_special = true, .untrusted = all}), (std::vector<TokenId>{257}));
}

TEST(ByteBpe, the_longest_special_token_wins) {
  const auto t = load(small_byte_level({}, {{"<a", 4}, {"<ab>", 4}, {"<abc", 4}}));
  EXPECT_EQ(t->encode("<ab><abd<abc<a", {}), (std::vector<TokenId>{257, 256, 'b', 'd', 258, 256}));
}

TEST(ByteBpe, merges_never_make_a_control_token) {
  // The vocabulary has a control token that merging plain text would spell.
  FakeSource source = small_byte_level({"e n", "en d"}, {});
  std::get<std::vector<std::int64_t>>(source.values["tokenizer.ggml.token_type"]).back() = 3;
  for (const char* pre : {"gpt-2", "llama3"}) {  // llama3: also not as a whole word
    source.values["tokenizer.ggml.pre"] = std::string{pre};
    const auto t = load(source);
    ASSERT_EQ(t->text(257), "end");
    EXPECT_EQ(t->encode("end", {}), (std::vector<TokenId>{256, 'd'})) << pre;
  }
}

TEST(ByteBpe, a_mebibyte_without_a_break_is_not_quadratic) {
  const auto t = smollm();
  std::string word;
  for (std::size_t i = 0; word.size() < (1U << 20); ++i) word += static_cast<char>('a' + i * i % 26);
  for (const std::string& text : {word, std::string(1U << 20, 'a'), std::string(1U << 20, ' '),
                                  std::string(1U << 20, '\n'), std::string(1U << 20, '\xFF')}) {
    const auto ids = t->encode(text, {});  // a quadratic merge takes hours: the test's time limit sees it
    EXPECT_TRUE(text[0] == '\xFF' || t->decode(ids, false) == text);  // SmolLM2 has no token for 0xFF
  }
}

TEST(ByteBpe, threads_share_one_tokenizer) {
  const auto t = smollm();
  const auto& texts = data("texts")["picked"];
  std::vector<std::vector<TokenId>> want;
  {
    const auto other = smollm();
    for (const auto& text : texts) want.push_back(other->encode(text.get<std::string>(), {}));
  }
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int k = 0; k < 4; ++k) {
    threads.emplace_back([&] {
      for (std::size_t i = 0; i < texts.size(); ++i) wrong += t->encode(texts[i].get<std::string>(), {}) != want[i];
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace zenith::models::testing
