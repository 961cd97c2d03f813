// Sound cut at pauses.
#include "chunks.hpp"

#include <gtest/gtest.h>

#include "mel.hpp"

namespace zenith::media {
namespace {

struct Sound {
  Chunker chunker;
  std::vector<Chunk> chunks;
  std::uint64_t samples = 0;

  /// Each sample's value is the number of its window, so that what a chunk holds can be told.
  void say(double seconds, float speech) {
    for (auto n = static_cast<int>(seconds * 16000 / kActivityWindow); n > 0; --n) {
      const std::vector<float> window(kActivityWindow, static_cast<float>(samples / kActivityWindow));
      samples += kActivityWindow;
      if (auto chunk = chunker.push(window, speech)) chunks.push_back(std::move(*chunk));
    }
  }
  void end() {
    if (auto chunk = chunker.finish()) chunks.push_back(std::move(*chunk));
    for (const auto& chunk : chunks) {
      EXPECT_LE(chunk.samples.size(), kMelSamples);
      EXPECT_EQ(chunk.samples.size(), chunk.speech.size() * kActivityWindow);
      EXPECT_EQ(chunk.samples.front(), static_cast<float>(chunk.start / kActivityWindow))
          << "the samples are those of its place";
    }
  }
};

double seconds(std::uint64_t samples) { return static_cast<double>(samples) / 16000; }

TEST(chunks, silence_and_clicks_are_none) {
  Sound sound;
  sound.say(60, 0.01F);
  sound.say(0.07, 0.9F);
  sound.say(60, 0.01F);
  sound.end();
  EXPECT_TRUE(sound.chunks.empty());
}

TEST(chunks, speech_keeps_a_margin_and_long_pauses_part_it) {
  Sound sound;
  sound.say(3, 0.01F);
  sound.say(4, 0.9F);
  sound.say(10, 0.01F);
  sound.say(2, 0.9F);
  sound.end();
  ASSERT_EQ(sound.chunks.size(), 2U);
  EXPECT_NEAR(seconds(sound.chunks[0].start), 2.6, 0.1);
  EXPECT_NEAR(seconds(sound.chunks[0].samples.size()), 4.8, 0.15);
  EXPECT_NEAR(seconds(sound.chunks[1].start), 16.6, 0.15);
}

TEST(chunks, a_short_pause_parts_nothing_while_there_is_room) {
  Sound sound;
  for (int i = 0; i < 4; ++i) {
    sound.say(3, 0.9F);
    sound.say(1, 0.01F);
  }
  sound.end();
  EXPECT_EQ(sound.chunks.size(), 1U);
}

TEST(chunks, a_breath_ends_a_chunk_only_when_it_is_nearly_full) {
  Sound sound;
  for (int i = 0; i < 20; ++i) {  // 80 s
    sound.say(3.5, 0.9F);
    sound.say(0.5, 0.01F);
  }
  sound.end();
  ASSERT_EQ(sound.chunks.size(), 3U);
  for (const auto& chunk : sound.chunks) EXPECT_GT(seconds(chunk.samples.size()), 22);
}

TEST(chunks, speech_without_pause_is_cut_where_it_is_least_likely_and_nothing_is_lost) {
  Sound sound;
  sound.say(22, 0.9F);
  sound.say(0.1, 0.45F);
  sound.say(40, 0.9F);
  sound.end();
  ASSERT_GE(sound.chunks.size(), 2U);
  EXPECT_NEAR(seconds(sound.chunks[0].samples.size()), 22.1, 0.1);
  std::uint64_t at = 0;
  for (const auto& chunk : sound.chunks) {
    EXPECT_EQ(chunk.start, at);
    at += chunk.samples.size();
  }
  EXPECT_EQ(at, sound.samples);
}

TEST(chunks, the_longest_pause_of_a_full_chunk_is_cut_in_its_middle) {
  Sound sound;
  sound.say(12, 0.9F);
  sound.say(0.4, 0.1F);
  sound.say(6, 0.9F);
  sound.say(0.2, 0.1F);
  sound.say(20, 0.9F);
  sound.end();
  ASSERT_EQ(sound.chunks.size(), 2U);
  EXPECT_NEAR(seconds(sound.chunks[0].samples.size()), 12.2, 0.1);
}

TEST(chunks, spoken_windows_are_counted_from_a_sample_on) {
  const Chunk chunk{0, std::vector<float>(4 * kActivityWindow), {0.9F, 0.1F, 0.9F, 0.9F}};
  EXPECT_EQ(chunk.spoken_windows(), 3U);
  EXPECT_EQ(chunk.spoken_windows(kActivityWindow), 2U);
  EXPECT_EQ(chunk.spoken_windows(kActivityWindow * 2 + 1), 1U);
  EXPECT_EQ(chunk.spoken_windows(kActivityWindow * 9), 0U);
}

}  // namespace
}  // namespace zenith::media
