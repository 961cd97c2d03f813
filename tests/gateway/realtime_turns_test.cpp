// When a turn begins and ends, and that the detectors hear every sample in order.
#include "realtime/turns.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "realtime/input_audio.hpp"

namespace zenith::gateway::realtime {
namespace {

using testing::Each;
using testing::ElementsAre;

struct OnsetCase {
  const char* name;
  float threshold;
  std::vector<float> probabilities;
  int started;  ///< at which of them; -1: never
};
class Onset : public testing::TestWithParam<OnsetCase> {};

TEST_P(Onset, is_at) {
  TurnDetector turns;
  const ServerVad rules{.threshold = GetParam().threshold};
  int at = -1;
  for (std::size_t i = 0; i < GetParam().probabilities.size() && at < 0; ++i) {
    if (turns.on_frame(GetParam().probabilities[i], rules) == Edge::started) at = static_cast<int>(i);
  }
  EXPECT_EQ(at, GetParam().started);
  EXPECT_EQ(turns.speaking(), at >= 0);
}

INSTANTIATE_TEST_SUITE_P(turns, Onset,
                         testing::Values(OnsetCase{"one_clear_frame", 0.5F, {0.1F, 0.75F}, 1},
                                         OnsetCase{"two_at_the_threshold", 0.5F, {0.1F, 0.5F, 0.5F}, 2},
                                         OnsetCase{"not_one_at_the_threshold", 0.5F, {0.74F, 0.1F, 0.74F, 0.49F}, -1},
                                         OnsetCase{
                                             "what_is_clear_follows_the_threshold", 0.8F, {0.85F, 0.1F, 0.91F}, 2},
                                         OnsetCase{"threshold_0", 0.0F, {0.0F, 0.0F}, 1},
                                         OnsetCase{"threshold_1", 1.0F, {0.99F, 0.99F, 1.0F}, 2},
                                         OnsetCase{"silence", 0.5F, {0.1F, 0.4F, 0.4F, 0.4F}, -1}),
                         [](const auto& i) { return std::string{i.param.name}; });

/// Frames below the threshold until the turn is over.
int quiet_frames(TurnDetector& turns, const ServerVad& rules, float probability) {
  for (int n = 1; n < 1000; ++n) {
    const Edge edge = turns.on_frame(probability, rules);
    EXPECT_THAT(edge, testing::AnyOf(Edge::none, Edge::paused, Edge::stopped));
    if (edge == Edge::stopped) return n;
  }
  return -1;
}

TEST(turn_detector, a_turn_ends_after_the_silence) {
  TurnDetector turns;
  for (const std::uint32_t silence : {32U, 200U, 500U}) {
    const ServerVad rules{.silence_ms = silence};
    EXPECT_EQ(turns.on_frame(0.9F, rules), Edge::started);
    const int frames = quiet_frames(turns, rules, 0.1F);
    const auto covered = TurnDetector::kFrameMs + static_cast<std::uint32_t>(frames - 1) * TurnDetector::kHopMs;
    EXPECT_GE(covered, silence);
    EXPECT_LT(covered, silence + TurnDetector::kHopMs);
    EXPECT_FALSE(turns.speaking());
  }
}

TEST(turn_detector, what_is_a_little_below_the_threshold_goes_on_as_it_was) {
  TurnDetector turns;
  const ServerVad rules;
  turns.on_frame(0.9F, rules);
  EXPECT_EQ(quiet_frames(turns, rules, 0.4F), -1) << "still speech";
  EXPECT_EQ(turns.on_frame(0.1F, rules), Edge::none);
  EXPECT_GT(quiet_frames(turns, rules, 0.4F), 0) << "still silence";
}

TEST(turn_detector, a_word_in_the_silence_begins_it_anew) {
  TurnDetector turns;
  const ServerVad rules;
  turns.on_frame(0.9F, rules);
  const int all = quiet_frames(turns, rules, 0.1F);
  turns.on_frame(0.9F, rules);
  std::vector<Edge> edges;
  for (int i = 1; i < all; ++i) {
    if (const Edge edge = turns.on_frame(0.1F, rules); edge != Edge::none) edges.push_back(edge);
  }
  EXPECT_THAT(edges, ElementsAre(Edge::paused)) << "once";
  EXPECT_EQ(turns.on_frame(0.6F, rules), Edge::resumed);
  EXPECT_EQ(turns.on_frame(0.1F, rules), Edge::none);
  EXPECT_EQ(turns.on_frame(0.6F, rules), Edge::none) << "too short for a pause";
  EXPECT_EQ(quiet_frames(turns, rules, 0.1F), all);
}

/// Notes what it hears, as sample values of a ramp.
class Noting final : public VoiceActivity {
 public:
  using Frames = std::vector<std::vector<float>>;
  explicit Noting(Frames& frames) : frames_(frames) {}
  float probability(std::span<const float, kFrame> samples) noexcept override {
    frames_.emplace_back(samples.begin(), samples.end());
    return 0;
  }
  void reset() noexcept override { frames_.clear(); }

 private:
  Frames& frames_;
};

TEST(input_audio, two_detectors_hear_every_sample_half_a_frame_apart) {
  std::array<Noting::Frames, 2> heard;
  std::size_t made = 0;
  InputAudio input{[&] { return std::make_unique<Noting>(heard.at(made++)); }};
  const ServerVad rules;
  std::string sound;  // G.711 at 8 kHz: a slow ramp that survives it
  for (int i = 0; i < 8000; ++i) sound += static_cast<char>(to_mu_law(static_cast<std::int16_t>(4 * i - 16000)));
  for (std::size_t at = 0; at < sound.size(); at += 160) {
    ASSERT_TRUE(input.append(Encoding::pcmu, sound.substr(at, 160)));
    input.hear(&rules, [](Edge, std::uint64_t) { FAIL(); });
  }
  ASSERT_EQ(made, 2u);
  ASSERT_GT(heard[0].size(), 25u);
  EXPECT_LE(heard[0].size() - heard[1].size(), 1u);
  constexpr auto kHalf = static_cast<std::ptrdiff_t>(VoiceActivity::kFrame / 2);
  for (std::size_t i = 0; i + 1 < heard[0].size(); ++i) {
    const auto &first = heard[0][i], &between = heard[1][i], &second = heard[0][i + 1];
    EXPECT_TRUE(std::equal(between.begin(), between.begin() + kHalf, first.begin() + kHalf)) << i;
    EXPECT_TRUE(std::equal(between.begin() + kHalf, between.end(), second.begin())) << i;
  }
  input.clear();
  EXPECT_THAT(heard, Each(testing::IsEmpty()));
}

}  // namespace
}  // namespace zenith::gateway::realtime
