#include "zenith/models/sampler/text_stream.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "zenith/core/utf8.hpp"

namespace zenith::models {
namespace {

struct Streamed {
  std::string text;
  bool stopped = false;
  std::size_t most_held = 0;
};

Streamed stream(const std::vector<std::string>& stop, const std::vector<std::string>& pieces) {
  TextStream s{stop};
  Streamed run;
  std::size_t in = 0;
  for (const std::string& piece : pieces) {
    const auto out = s.push(piece);
    EXPECT_TRUE(utf8_valid(out.text)) << out.text;
    EXPECT_FALSE(run.stopped && !out.text.empty()) << "text after the stop";
    run.text += out.text;
    run.stopped = out.stopped;
    in += piece.size();
    if (!out.stopped && utf8_valid(run.text))
      run.most_held = std::max(run.most_held, in - std::min(in, run.text.size()));
  }
  const auto out = s.finish();
  EXPECT_TRUE(utf8_valid(out.text));
  run.text += out.text;
  EXPECT_EQ(out.stopped, run.stopped);
  return run;
}

std::vector<std::string> cut(const std::string& bytes, std::mt19937& engine) {
  std::vector<std::string> pieces;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t n = std::min<std::size_t>(bytes.size() - at, engine() % 5);
    pieces.push_back(bytes.substr(at, n));
    at += n;
  }
  return pieces;
}

// What the stream means, without streaming: the stop string whose end comes first, the longer of two.
Streamed meaning(const std::vector<std::string>& stop, const std::string& bytes) {
  for (std::size_t end = 1; end <= bytes.size(); ++end) {
    std::size_t longest = 0;
    for (const std::string& s : stop) {
      if (!s.empty() && s.size() <= end && bytes.compare(end - s.size(), s.size(), s) == 0)
        longest = std::max(longest, s.size());
    }
    if (longest > 0) return {utf8_lossy(bytes.substr(0, end - longest)), true, 0};
  }
  return {utf8_lossy(bytes), false, 0};
}

struct StreamCase {
  const char* name;
  std::vector<std::string> stop;
  std::string bytes;
};
class Streams : public testing::TestWithParam<StreamCase> {};

TEST_P(Streams, any_split_gives_the_same_text) {
  const auto& [name, stop, bytes] = GetParam();
  const Streamed whole = stream(stop, {bytes});
  const Streamed expected = meaning(stop, bytes);
  EXPECT_EQ(whole.text, expected.text);
  EXPECT_EQ(whole.stopped, expected.stopped);
  std::size_t longest = 0;
  for (const auto& s : stop) longest = std::max(longest, s.size());
  std::mt19937 engine(1);
  for (int i = 0; i < 200; ++i) {
    const Streamed run = stream(stop, cut(bytes, engine));
    ASSERT_EQ(run.text, whole.text);
    ASSERT_EQ(run.stopped, whole.stopped);
    ASSERT_LE(run.most_held, longest + 4);
  }
}

INSTANTIATE_TEST_SUITE_P(text_stream, Streams,
                         testing::Values(StreamCase{"plain", {}, "Hello, wörld 🙂 日本"}, StreamCase{"empty", {}, ""},
                                         StreamCase{"empty_stops", {"", ""}, "abc"},
                                         StreamCase{"broken", {}, "a\xff\xf0\x9f\x99z\xe2\x82"},
                                         StreamCase{"half_at_end", {}, "ok\xf0\x9f\x98"},
                                         StreamCase{"broken_before_stop",
                                                    {"END"},
                                                    "x\xf0\x9f\x99"
                                                    "ENDy"},
                                         StreamCase{"stop", {"<|im_end|>"}, "Answer<|im_end|>rest"},
                                         StreamCase{"near_miss", {"<|im_end|>"}, "a<|im_en>b<|im_<|im_end|>c"},
                                         StreamCase{"several", {"STOP", "TOPS", "\n\n"}, "xSTOPSx"},
                                         StreamCase{"nested", {"abcd", "bc"}, "xabcdx"},
                                         StreamCase{"same_end", {"c", "abc", "bc"}, "xxabcx"},
                                         StreamCase{"self_overlap", {"aab"}, "aaaaaab!"},
                                         StreamCase{"periodic", {"abab", "ababc"}, "ab abababc"},
                                         StreamCase{"multibyte_stop", {"。", "🙂!"}, "はい🙂です。おわり"},
                                         StreamCase{"at_begin", {"x"}, "xyz"},
                                         StreamCase{"never_complete", {"zzzzzzzz"}, "zzzzzzz"}),
                         [](const auto& i) { return std::string{i.param.name}; });

TEST(text_stream, random_texts_and_stops) {
  std::mt19937 engine(42);
  const std::vector<std::string> letters{"a", "b", "ä", "🙂", "\xf0", "\n"};
  for (int i = 0; i < 3000; ++i) {
    std::vector<std::string> stop(engine() % 4);
    for (auto& s : stop) {
      for (std::size_t n = engine() % 4; n > 0; --n) s += letters[engine() % 4];
    }
    std::string bytes;
    for (std::size_t n = engine() % 20; n > 0; --n) bytes += letters[engine() % letters.size()];
    const Streamed expected = meaning(stop, bytes);
    const Streamed run = stream(stop, cut(bytes, engine));
    ASSERT_EQ(run.text, expected.text) << bytes;
    ASSERT_EQ(run.stopped, expected.stopped) << bytes;
  }
}

TEST(text_stream, text_is_sent_as_soon_as_it_is_safe) {
  TextStream s{{"<end>"}};
  EXPECT_EQ(s.push("Hello <").text, "Hello ");
  EXPECT_EQ(s.push("e").text, "");
  EXPECT_EQ(s.push("x").text, "<ex");
  EXPECT_EQ(s.push("\xc3").text, "");
  EXPECT_EQ(s.push("\xa9").text, "é");
  EXPECT_TRUE(s.push("!<end>?").stopped);
  EXPECT_EQ(s.push("more").text, "");
}

struct ThinkCase {
  const char* name;
  bool inside;
  std::string text, reasoning, content;
};
class Thinks : public testing::TestWithParam<ThinkCase> {};

TEST_P(Thinks, are_split_the_same_way_whatever_the_pieces) {
  const ThinkCase& c = GetParam();
  std::mt19937 engine(3);
  for (int i = 0; i < 200; ++i) {
    ReasoningSplitter splitter{"<think>", "</think>", c.inside};
    std::string reasoning, content;
    const auto add = [&](const ReasoningSplitter::Out& out) {
      reasoning += out.reasoning;
      content += out.content;
    };
    for (const std::string& piece : i == 0 ? std::vector<std::string>{c.text} : cut(c.text, engine))
      add(splitter.push(piece));
    add(splitter.finish());
    ASSERT_EQ(reasoning, c.reasoning);
    ASSERT_EQ(content, c.content);
  }
}

INSTANTIATE_TEST_SUITE_P(
    reasoning_splitter, Thinks,
    testing::Values(ThinkCase{"none", false, "Hello </think> there", "", "Hello </think> there"},
                    ThinkCase{"both", false, "<think>\nhm\n\nso\n</think>\n\nYes\n", "hm\n\nso", "Yes\n"},
                    ThinkCase{"blank_first", false, " \n<think>a</think>b", "a", "b"},
                    ThinkCase{"inside", true, "\na\n</think>b", "a", "b"},
                    ThinkCase{"never_closed", true, "a </thin", "a </thin", ""},
                    ThinkCase{"empty_thought", false, "<think>\n\n</think>\n\nb", "", "b"},
                    ThinkCase{"not_quite", false, "<thing>", "", "<thing>"},
                    ThinkCase{"later_tag", false, "a<think>b</think>", "", "a<think>b</think>"},
                    ThinkCase{"second", false, "<think>a</think>b<think>c</think>", "a", "b<think>c</think>"},
                    ThinkCase{"only_blanks", false, " \n ", "", " \n "},
                    ThinkCase{"many_blanks", false, std::string(70, ' ') + "<think>a</think>", "",
                              std::string(70, ' ') + "<think>a</think>"},
                    ThinkCase{"near_close", true, "a<</think></think>b", "a<", "</think>b"}),
    [](const auto& i) { return std::string{i.param.name}; });

}  // namespace
}  // namespace zenith::models
