// Sound of /v1/realtime: G.711 against Python's audioop, base64, resampling, turns, sentences.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "realtime/audio.hpp"
#include "realtime/input_audio.hpp"
#include "realtime/items.hpp"

namespace zenith::gateway::realtime {
namespace {

std::uint64_t fnv(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

std::vector<std::int16_t> every_sample() {
  std::vector<std::int16_t> all;
  for (int s = -32768; s < 32768; ++s) all.push_back(static_cast<std::int16_t>(s));
  return all;
}

std::string every_byte() {
  std::string all;
  for (int b = 0; b < 256; ++b) all += static_cast<char>(b);
  return all;
}

struct G711Case {
  const char* name;
  Encoding encoding;
  std::uint64_t encoded, decoded;  ///< FNV-1a of all 65,536 samples' codes, of all 256 codes' samples
};
class G711 : public testing::TestWithParam<G711Case> {};
TEST_P(G711, is_what_audioop_makes_of_every_sample_and_every_code) {
  EXPECT_EQ(fnv(encode(GetParam().encoding, every_sample())), GetParam().encoded);
  std::vector<std::int16_t> samples;
  decode(GetParam().encoding, every_byte(), samples);
  EXPECT_EQ(fnv(encode(Encoding::pcm, samples)), GetParam().decoded);
}
INSTANTIATE_TEST_SUITE_P(realtime, G711,
                         testing::Values(G711Case{"pcmu", Encoding::pcmu, 0xd5ee23f7d0ffae91, 0xb91e65d68481a1a8},
                                         G711Case{"pcma", Encoding::pcma, 0xf030666eb780cf25, 0x693a40ca62a3d2a5}),
                         [](const auto& i) { return std::string{i.param.name}; });

TEST(realtime_audio, pcm_survives_both_ways) {
  std::vector<std::int16_t> back;
  decode(Encoding::pcm, encode(Encoding::pcm, every_sample()), back);
  EXPECT_EQ(back, every_sample());
}

TEST(realtime_audio, base64_is_strict) {
  EXPECT_EQ(base64_decode(""), "");
  EXPECT_EQ(base64_decode("Zg=="), "f");
  EXPECT_EQ(base64_decode("Zm8="), "fo");
  EXPECT_EQ(base64_decode("Zm9vYmFy"), "foobar");
  EXPECT_EQ(base64_decode("/+8A"), (std::string{"\xff\xef\0", 3}));
  for (const auto* bad :
       {"Z", "Zg", "Zg=", "Zg===", "Z===", "====", "Zh==", "Zm9=", "Zm8=Zm8=", "Zm 8", "Zm8\n", "Zm9-", "=AAA"})
    EXPECT_FALSE(base64_decode(bad)) << bad;
}

double loudness_at(const std::vector<std::int16_t>& samples, double hz, double rate) {
  double re = 0, im = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const double angle = 2 * std::numbers::pi * hz * static_cast<double>(i) / rate;
    re += samples[i] * std::cos(angle);
    im += samples[i] * std::sin(angle);
  }
  return 2 * std::hypot(re, im) / static_cast<double>(samples.size());
}

TEST(realtime_audio, a_tone_keeps_its_pitch_and_loudness) {
  for (const auto& [from, to] : {std::pair{24000U, 16000U}, {22050U, 24000U}, {8000U, 16000U}, {22050U, 8000U}}) {
    std::vector<std::int16_t> tone(from), out;
    for (std::size_t i = 0; i < tone.size(); ++i)
      tone[i] =
          static_cast<std::int16_t>(10000 * std::sin(2 * std::numbers::pi * 1000 * static_cast<double>(i) / from));
    Resampler resampler{from, to};
    for (std::size_t at = 0; at < tone.size(); at += 480)  // in pieces, as it comes
      resampler.push(std::span{tone}.subspan(at, std::min<std::size_t>(480, tone.size() - at)), out);
    resampler.finish(out);
    EXPECT_NEAR(static_cast<double>(out.size()), to, 2) << from << " to " << to;
    EXPECT_NEAR(loudness_at(out, 1000, to), 10000, 200) << from << " to " << to;
    double power = 0;
    for (const auto s : out) power += static_cast<double>(s) * s;
    EXPECT_NEAR(std::sqrt(power / static_cast<double>(out.size())), 10000 / std::sqrt(2), 200)
        << "nothing but the tone";
  }
}

struct Script {
  std::string letters;
  std::size_t at = 0;
};

/// Speech where the script says so, one letter a judgement.
class Scripted final : public VoiceActivity {
 public:
  explicit Scripted(std::shared_ptr<Script> script) : script_(std::move(script)) {}
  float probability(std::span<const float, kFrame>) noexcept override {
    const char c = script_->at < script_->letters.size() ? script_->letters[script_->at++] : '.';
    return c == '#' ? 0.9F : c == '+' ? 0.6F : c == '~' ? 0.4F : 0.01F;
  }
  void reset() noexcept override {}

 private:
  std::shared_ptr<Script> script_;
};

MakeVoiceActivity scripted(std::string letters) {
  return [script = std::make_shared<Script>(Script{std::move(letters)})] { return std::make_unique<Scripted>(script); };
}

struct TurnCase {
  const char* name;
  std::string script;  ///< '#' speech, '+' just speech, '~' between the thresholds, '.' silence
  std::uint32_t silence_ms;
  std::vector<std::pair<Edge, int>> edges;  ///< after how many judgements
};
class Turns : public testing::TestWithParam<TurnCase> {};
TEST_P(Turns, begin_and_end_where_they_should) {
  InputAudio input{scripted(GetParam().script)};
  const ServerVad rules{.silence_ms = GetParam().silence_ms};
  std::vector<std::pair<Edge, int>> edges;
  ASSERT_TRUE(input.append(Encoding::pcm, std::string((GetParam().script.size() + 1) * 384 * 2, '\0')));
  while (input.pending()) {
    input.hear(&rules, [&](Edge edge, std::uint64_t at) {
      edges.emplace_back(edge, static_cast<int>(at / 256));
      if (edge == Edge::stopped) input.take(at);
    });
  }
  EXPECT_EQ(edges, GetParam().edges);
}
INSTANTIATE_TEST_SUITE_P(
    realtime, Turns,
    testing::Values(
        TurnCase{"silence", "..........", 64, {}}, TurnCase{"one_that_is_not_clear_is_a_click", "..+..+....", 64, {}},
        TurnCase{"clear_speech_and_silence", "..###......", 96, {{Edge::started, 3}, {Edge::stopped, 10}}},
        TurnCase{"faint_speech_and_silence", "..++......", 96, {{Edge::started, 4}, {Edge::stopped, 9}}},
        TurnCase{"a_pause_inside", "##..##......", 96, {{Edge::started, 1}, {Edge::stopped, 11}}},
        TurnCase{"between_the_thresholds_goes_on", "##~~~~~~##...", 64, {{Edge::started, 1}, {Edge::stopped, 13}}},
        TurnCase{"two_turns",
                 "##...##...",
                 64,
                 {{Edge::started, 1}, {Edge::stopped, 5}, {Edge::started, 6}, {Edge::stopped, 10}}}),
    [](const auto& i) { return std::string{i.param.name}; });

TEST(realtime_input, silence_is_not_kept_beyond_the_prefix) {
  InputAudio input{scripted("")};
  const ServerVad rules{.prefix_ms = 300};
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(input.append(Encoding::pcm, std::string(4800, '\0')));
    while (input.pending()) input.hear(&rules, [](Edge, std::uint64_t) { FAIL(); });
  }
  EXPECT_NEAR(static_cast<double>(input.end()), 16000 * 10, 100);
  EXPECT_LE(input.end() - input.begin(), 4800u + 1024 + 512);
  EXPECT_GE(input.end() - input.begin(), 4800u);
}

TEST(realtime_input, without_detection_everything_is_kept_up_to_ten_minutes) {
  InputAudio input{nullptr};
  const std::string minute(8000 * 60, '\xff');
  for (int i = 0; i < 11; ++i) {
    ASSERT_TRUE(input.append(Encoding::pcmu, minute));
    while (input.pending()) input.hear(nullptr, [](Edge, std::uint64_t) { FAIL(); });
  }
  EXPECT_TRUE(input.full());
  EXPECT_EQ(input.take(input.end()).size(), InputAudio::kMostSamples);
  EXPECT_EQ(input.bytes(), 0u);
  ASSERT_TRUE(input.append(Encoding::pcm, std::string(InputAudio::kMostAppend, '\0')));
  EXPECT_FALSE(input.append(Encoding::pcm, std::string(InputAudio::kMostAppend, '\0'))) << "it waits, unheard";
  input.clear();
  EXPECT_FALSE(input.pending());
}

struct CutCase {
  const char* name;
  std::string text;
  std::vector<std::string> pieces;
};
class Cuts : public testing::TestWithParam<CutCase> {};
TEST_P(Cuts, are_the_same_however_the_text_comes) {
  for (const std::size_t step : {1U, 3U, 1000U}) {
    SentenceCutter cutter;
    std::vector<std::string> pieces;
    std::size_t end = 0;
    const auto take = [&](const std::vector<SentenceCutter::Piece>& some) {
      for (const auto& piece : some) {
        EXPECT_GE(piece.text_end, end);
        end = piece.text_end;
        auto text = piece.text;
        while (!text.empty() && text.front() == ' ') text.erase(0, 1);
        pieces.push_back(text);
      }
    };
    for (std::size_t at = 0; at < GetParam().text.size(); at += step)
      take(cutter.add(GetParam().text.substr(at, step)));
    take(cutter.finish());
    EXPECT_EQ(pieces, GetParam().pieces) << "in steps of " << step;
    EXPECT_LE(end, GetParam().text.size());
  }
}
INSTANTIATE_TEST_SUITE_P(
    realtime, Cuts,
    testing::Values(CutCase{"empty", "", {}}, CutCase{"no_end", "No end here", {"No end here"}},
                    CutCase{"two", "It is a good day. It is warm!", {"It is a good day.", "It is warm!"}},
                    CutCase{"a_short_one_goes_with_the_next", "Yes. It is a good day.", {"Yes. It is a good day."}},
                    CutCase{"names_and_numbers",
                            "Ask Dr. Smith about 3.14 today. He knows.",
                            {"Ask Dr. Smith about 3.14 today.", "He knows."}},
                    CutCase{"marks_alone_are_not_spoken", "It is a good day. ***", {"It is a good day."}},
                    CutCase{"the_first_clause_comes_sooner",
                            "When the long winter had finally come to its end, the birds began to sing in the trees.",
                            {"When the long winter had finally come to its end,",
                             "the birds began to sing in the trees."}}),
    [](const auto& i) { return std::string{i.param.name}; });

TEST(realtime_cutter, a_text_without_marks_is_cut_all_the_same) {
  SentenceCutter cutter;
  std::string whole, text;
  for (int i = 0; i < 200; ++i) text += "\xc3\xa4\xc3\xb6\xc3\xbc\xe6\xbc\xa2";
  for (const auto& piece : cutter.add(text)) whole += piece.text;
  for (const auto& piece : cutter.finish()) {
    EXPECT_LE(piece.text.size(), 300u);
    whole += piece.text;
  }
  EXPECT_EQ(whole, text);
}

}  // namespace
}  // namespace zenith::gateway::realtime
