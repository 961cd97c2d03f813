// Rules, times, and the loop of tries, against a decoder that follows a script.
#include "whisper_decode.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "toy_whisper.hpp"
#include "whisper_rules.hpp"

namespace zenith::media {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::HasSubstr;

const WhisperVocabulary kToy = toy_vocabulary();
constexpr float kNever = -INFINITY;

std::vector<float> ruled(const std::vector<TokenId>& sampled, std::vector<std::pair<TokenId, float>> high = {}) {
  std::vector<float> logits(kToy.size(), 0.0F);
  logits[kHi] = 20;  // likelier than all times together
  for (const auto& [token, value] : high) logits[static_cast<std::size_t>(token)] = value;
  apply_rules(logits, kToy, sampled);
  return logits;
}
bool allowed(const std::vector<float>& logits, TokenId token) {
  return logits[static_cast<std::size_t>(token)] > kNever;
}

TEST(whisper_rules, a_text_begins_with_a_time_of_at_most_a_second) {
  const auto logits = ruled({});
  EXPECT_FALSE(allowed(logits, kHi));
  EXPECT_FALSE(allowed(logits, kEnd));
  EXPECT_TRUE(allowed(logits, stamp(0)));
  EXPECT_TRUE(allowed(logits, stamp(1)));
  EXPECT_FALSE(allowed(logits, stamp(1.02)));
}

TEST(whisper_rules, times_come_in_pairs) {
  EXPECT_FALSE(allowed(ruled({stamp(0)}), stamp(1))) << "text follows a first time";
  const auto closed = ruled({stamp(0), kHi, stamp(2)});
  EXPECT_FALSE(allowed(closed, kHi)) << "behind an end stands a beginning or nothing";
  EXPECT_TRUE(allowed(closed, stamp(2)));
  EXPECT_FALSE(allowed(closed, stamp(1.98)));
  EXPECT_TRUE(allowed(ruled({stamp(0), kHi, stamp(2)}, {{kEnd, 30}}), kEnd));
  const auto again = ruled({stamp(0), kHi, stamp(2), stamp(2)});
  EXPECT_TRUE(allowed(again, kHi));
  EXPECT_FALSE(allowed(again, stamp(4)));
  EXPECT_FALSE(allowed(ruled({stamp(0), kHi, stamp(2), stamp(2), kHi}), stamp(2))) << "a piece lasts a while";
}

TEST(whisper_rules, times_win_when_all_of_them_are_likelier_than_every_word) {
  const std::vector<TokenId> sampled{stamp(0), kHi};
  EXPECT_TRUE(allowed(ruled(sampled), kHi));
  EXPECT_FALSE(allowed(ruled(sampled, {{kHi, 5.0F}}), kHi)) << "1500 times at 0 have e^7.3";
}

TEST(whisper_rules, some_tokens_are_never_said) {
  const auto logits = ruled({stamp(0)});
  for (const TokenId token : {TokenId{25}, kStart, kTranscribe, kNoTimestamps}) EXPECT_FALSE(allowed(logits, token));
}

TEST(whisper_rules, circles_are_found) {
  EXPECT_EQ(circling(std::vector<TokenId>{1, 2, 3, 1, 2, 3}), 0U);
  EXPECT_EQ(circling(std::vector<TokenId>(15, 7)), 0U);
  EXPECT_EQ(circling(std::vector<TokenId>(16, 7)), 15U);
  std::vector<TokenId> verse{9, 9};
  for (int i = 0; i < 4; ++i) verse.insert(verse.end(), {1, 2, 3, 4, 5});
  EXPECT_EQ(circling(verse), 15U);
  verse.push_back(6);
  EXPECT_EQ(circling(verse), 0U);
}

struct Cut {
  const char* name;
  std::vector<TokenId> tokens;
  std::vector<std::pair<double, double>> times;
  double next;
};
class Cuts : public testing::TestWithParam<Cut> {};
TEST_P(Cuts, at_times) {
  double next = 0;
  const auto pieces = cut_at_timestamps(kToy, GetParam().tokens, 10, next);
  ASSERT_EQ(pieces.size(), GetParam().times.size());
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    EXPECT_NEAR(pieces[i].start, GetParam().times[i].first, 1e-9);
    EXPECT_NEAR(pieces[i].end, GetParam().times[i].second, 1e-9);
  }
  EXPECT_NEAR(next, GetParam().next, 1e-9);
}
INSTANTIATE_TEST_SUITE_P(
    media, Cuts,
    testing::Values(
        Cut{"nothing", {}, {}, 10}, Cut{"one_whole", {stamp(0.5), kHi, stamp(3)}, {{0.5, 3}}, 10},
        Cut{"one_open", {stamp(0.5), kHi}, {{0.5, 10}}, 10},
        Cut{"two_whole", {stamp(0), kHi, stamp(3), stamp(4), kHi, stamp(6)}, {{0, 3}, {4, 6}}, 10},
        Cut{"the_second_is_begun_and_left_to_the_next_window", {stamp(0), kHi, stamp(3), stamp(4), kHi}, {{0, 3}}, 3},
        Cut{"an_end_that_begins_another", {stamp(0), kHi, stamp(3), stamp(3)}, {{0, 3}}, 3},
        Cut{"beyond_the_window", {stamp(0), kHi, stamp(20)}, {{0, 10}}, 10}),
    [](const auto& i) { return std::string{i.param.name}; });

DecodeOptions english() {
  DecodeOptions options;
  options.language = kEnglish;
  return options;
}
const GoOn kOn = [] { return true; };

TEST(whisper_decode, a_sure_text_is_taken_at_the_first_try) {
  const std::vector<TokenId> text{stamp(0), kHi, kSpace, 1, 2, 3, stamp(2)};
  ScriptedNet net(saying(text));
  const auto decoded = decode_window(net, kToy, english(), kOn);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_THAT(decoded->tokens, ElementsAreArray(text));
  EXPECT_EQ(net.starts, 1);
  EXPECT_GT(decoded->avg_logprob, -0.01);
  EXPECT_FALSE(decoded->silent);
  EXPECT_EQ(kToy.text(decoded->tokens), "hi bcd");
}

TEST(whisper_decode, a_circle_is_left_and_tried_again_and_never_said) {
  ScriptedNet net([](const std::vector<TokenId>& tokens) {
    return std::pair{tokens.back() == kTranscribe ? stamp(0) : kHi, 60.0F};
  });
  const auto decoded = decode_window(net, kToy, english(), kOn);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(net.starts, 6) << "0, 0.2 … 1";
  EXPECT_LE(decoded->tokens.size(), 3U);
  EXPECT_LT(net.steps, 6 * 30) << "it stops soon";
}

TEST(whisper_decode, unlikely_words_where_speech_is_unlikely_are_silence) {
  ScriptedNet net([](const std::vector<TokenId>& tokens) {
    if (tokens.back() == kStart) return std::pair{kNoSpeechToken, 30.0F};
    return std::pair{tokens.size() > 12 ? kEnd : static_cast<TokenId>(tokens.size() % 20), 2.0F};
  });
  const auto decoded = decode_window(net, kToy, english(), kOn);
  ASSERT_TRUE(decoded);
  EXPECT_TRUE(decoded->silent);
  EXPECT_GT(decoded->no_speech_prob, 0.99);
  EXPECT_EQ(net.starts, 1);
}

TEST(whisper_decode, the_prompt_stands_before_the_transcript_and_is_cut_to_its_end) {
  std::vector<TokenId> seen;
  ScriptedNet net([&](const std::vector<TokenId>& tokens) {
    if (tokens.back() == kTranscribe) seen = tokens;
    return saying({stamp(0), kHi, stamp(1)})(tokens);
  });
  auto options = english();
  options.prompt.assign(300, 3);
  options.prompt.back() = 4;
  ASSERT_TRUE(decode_window(net, kToy, options, kOn));
  ASSERT_EQ(seen.size(), 1U + 223 + 3);
  EXPECT_EQ(seen.front(), kPrevious);
  EXPECT_THAT((std::vector<TokenId>{seen.end() - 4, seen.end()}), ElementsAre(4, kStart, kEnglish, kTranscribe));
}

TEST(whisper_decode, a_stop_takes_effect_within_a_step) {
  ScriptedNet net(saying(std::vector<TokenId>(200, 5)));
  int asked = 0;
  const auto decoded = decode_window(net, kToy, english(), [&] { return ++asked < 4; });
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code, Errc::cancelled);
  EXPECT_LE(net.steps, 4);
}

TEST(whisper_decode, a_warm_try_is_the_same_every_time) {
  const auto unsure = [](const std::vector<TokenId>& tokens) {
    return saying({stamp(0), 1, 2, 3, 4, stamp(1)}, 7.5F)(tokens);
  };
  auto options = english();
  options.temperature = 1;
  ScriptedNet one(unsure), two(unsure);
  const auto a = decode_window(one, kToy, options, kOn), b = decode_window(two, kToy, options, kOn);
  ASSERT_TRUE(a && b);
  EXPECT_THAT(a->tokens, ElementsAreArray(b->tokens));
}

TEST(whisper_decode_short, what_looks_right_is_taken_after_one_try) {
  const std::vector<TokenId> text{stamp(0), kHi, kSpace, 1, 2, stamp(1.5)};
  ScriptedNet net(saying(text));
  const auto decoded = decode_short(net, kToy, english(), 1.6, kOn);
  ASSERT_TRUE(decoded && *decoded);
  EXPECT_THAT((*decoded)->tokens, ElementsAreArray(text));
  EXPECT_EQ(net.starts, 1);
}

struct Wrong {
  const char* name;
  std::function<std::pair<TokenId, float>(const std::vector<TokenId>&)> next;
};
class WrongShort : public testing::TestWithParam<Wrong> {};
TEST_P(WrongShort, is_left_after_one_try) {
  ScriptedNet net(GetParam().next);
  const auto decoded = decode_short(net, kToy, english(), 2, kOn);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_FALSE(*decoded);
  EXPECT_EQ(net.starts, 1);
}
INSTANTIATE_TEST_SUITE_P(
    whisper, WrongShort,
    testing::Values(Wrong{"repeats_itself",
                          [](const std::vector<TokenId>& tokens) {
                            return std::pair{tokens.back() == kTranscribe ? stamp(0) : kHi, 60.0F};
                          }},
                    Wrong{"is_unlikely", saying({stamp(0), 1, 2, 3, stamp(1)}, 2)},
                    Wrong{"is_long_and_unsure", saying({stamp(0), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, stamp(1)}, 7.5F)},
                    Wrong{"does_not_end",
                          [](const std::vector<TokenId>& tokens) {
                            const auto n = tokens.size();
                            return std::pair{n <= 3 ? stamp(0) : static_cast<TokenId>(n * n / 7 % 25), 60.0F};
                          }},
                    Wrong{"goes_on_after_the_sound",
                          saying({stamp(0), kHi, stamp(1.5), stamp(2.5), 1, 2, stamp(3), stamp(3)})}),
    [](const auto& i) { return std::string{i.param.name}; });

TEST(whisper_decode, the_likeliest_language_is_found) {
  ScriptedNet net([](const std::vector<TokenId>&) { return std::pair{kGerman, 3.0F}; });
  const auto language = detect_language(net, kToy);
  ASSERT_TRUE(language);
  EXPECT_EQ(language->code, "de");
  EXPECT_NEAR(language->probability, 0.9526, 1e-3);
}

TEST(whisper_vocabulary, bytes_and_merges) {
  EXPECT_THAT(kToy.encode("hi hi"), ElementsAre(kHi, kSpace, kHi));
  EXPECT_EQ(kToy.text({kStart, kEnglish, stamp(0), kHi, kSpace, 0, kEnd}), "hi a");
}

struct BadFiles {
  const char* name;
  std::string config, tokenizer, vocabulary, says;
};
class BadVocabularies : public testing::TestWithParam<BadFiles> {};
TEST_P(BadVocabularies, are_refused) {
  const auto& p = GetParam();
  const auto read = WhisperVocabulary::parse(p.config, p.tokenizer, p.vocabulary);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Errc::bad_file);
  EXPECT_THAT(read.error().message, HasSubstr(p.says));
}
INSTANTIATE_TEST_SUITE_P(
    media, BadVocabularies,
    testing::Values(BadFiles{"empty", kToyConfig, kToyTokenizer, "", "is missing"},
                    BadFiles{"no_times", kToyConfig, kToyTokenizer, toy_lines().substr(0, toy_lines().size() - 10),
                             "1501 timestamps"},
                    BadFiles{"config_is_no_json", "{", kToyTokenizer, toy_lines(), "config.json"},
                    BadFiles{"far_token", R"({"lang_ids":[99999],"suppress_ids":[],"suppress_ids_begin":[]})",
                             kToyTokenizer, toy_lines(), "lang_ids"},
                    BadFiles{"no_languages", R"({"lang_ids":[],"suppress_ids":[],"suppress_ids_begin":[]})",
                             kToyTokenizer, toy_lines(), "English-only"},
                    BadFiles{"no_merges", kToyConfig, R"({"model":{}})", toy_lines(), "merges"},
                    BadFiles{"model_is_a_list", kToyConfig, R"({"model":[]})", toy_lines(), "merges"}),
    [](const auto& i) { return std::string{i.param.name}; });

}  // namespace
}  // namespace zenith::media
