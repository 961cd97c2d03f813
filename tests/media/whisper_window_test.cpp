#include "whisper_window.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "mel.hpp"

namespace zenith::media {
namespace {

TEST(whisper_window, the_whole_one_has_every_place_once) {
  const auto window = whole_window();
  EXPECT_TRUE(window.whole());
  EXPECT_EQ(window.frames(), kMelFrames);
  for (std::size_t i = 0; i < window.places.size(); ++i) {
    ASSERT_EQ(window.places[i], static_cast<std::int64_t>(i));
    ASSERT_EQ(window.weights[i], 0);
  }
}

TEST(whisper_window, sound_is_exact_and_silence_stands_for_all_of_it) {
  for (std::size_t samples : {0UL, 1UL, 3 * 16000UL, 12 * 16000UL, 22 * 16000UL}) {
    const auto window = window_of(samples);
    ASSERT_FALSE(window.whole()) << samples;
    EXPECT_EQ(window.places.size() % 50, 0U);
    EXPECT_EQ(window.places.size(), window.weights.size());
    const std::size_t exact = (samples + 319) / 320 + 25;
    double stands_for = 0;
    for (std::size_t i = 0; i < window.places.size(); ++i) {
      if (i < exact) {
        ASSERT_EQ(window.places[i], static_cast<std::int64_t>(i));
        ASSERT_EQ(window.weights[i], 0);
      }
      if (i > 0) ASSERT_GT(window.places[i], window.places[i - 1]);
      stands_for += std::exp(window.weights[i]);
    }
    EXPECT_LT(window.places.back(), 1500);
    EXPECT_NEAR(stands_for, 1500, 0.01) << samples;
  }
}

TEST(whisper_window, long_sound_has_the_whole_one) {
  EXPECT_TRUE(window_of(27 * 16000).whole());
  EXPECT_TRUE(window_of(kMelSamples).whole());
  EXPECT_TRUE(window_of(10 * kMelSamples).whole());
}

}  // namespace
}  // namespace zenith::media
