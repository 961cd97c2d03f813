// A sentence's frames in windows: every frame once, with what the decoder has to see beside it; the sound is that of
// the whole. The second test needs the voice: `zenith pull piper-joe`.
#include "vits.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "zenith/core/config.hpp"

namespace zenith::media {
namespace {

TEST(vits, windows_keep_every_frame_once) {
  EXPECT_TRUE(decode_windows(0).empty());
  for (std::size_t frames = 1; frames < 3000; ++frames) {
    std::size_t done = 0;
    for (const auto& w : decode_windows(frames)) {
      ASSERT_EQ(w.first + w.skip, done) << frames;
      ASSERT_LE(w.first + w.frames, frames) << frames;
      ASSERT_TRUE(w.first == 0 || w.skip >= 16) << frames;
      done += w.keep;
      ASSERT_TRUE(w.first + w.frames == frames || w.frames - w.skip - w.keep >= 16) << frames;
      ASSERT_TRUE(w.frames % 32 == 0 || frames < 64) << frames;
      ASSERT_LE(w.frames, 448U) << frames;
    }
    ASSERT_EQ(done, frames);
  }
  EXPECT_EQ(decode_windows(250).front().frames, 64U) << "the first sound is not waited for";
}

TEST(vits, the_flow_runs_over_what_its_frames_depend_on) {
  for (std::size_t frames = 1; frames < 2000; frames += 3) {
    std::size_t done = 0;
    for (const auto& w : decode_windows(frames)) {
      const std::size_t until = w.first + w.frames;
      const auto f = flow_window(done, until, frames);
      ASSERT_EQ(f.first + f.skip, done) << frames;
      ASSERT_EQ(f.keep, until - done) << frames;
      ASSERT_TRUE(f.first == 0 || f.skip >= 32) << frames;
      ASSERT_TRUE(f.first + f.frames == frames || f.frames - f.skip - f.keep >= 32) << frames;
      ASSERT_LE(f.first + f.frames, frames);
      ASSERT_TRUE(f.frames % 32 == 0 || f.frames == frames) << frames;
      done = until;
    }
    ASSERT_EQ(done, frames);
  }
  EXPECT_EQ(flow_window(0, 64, 250).frames, 96U) << "the first sound is not waited for";
}

TEST(vits, the_windows_sound_is_that_of_the_whole) {
  const auto onnx = zenith_home() / "models" / "piper-joe" / "en_US-joe-medium.onnx";
  const auto cache = zenith_home() / "cache" / "graphs";
  auto parted = Vits::load(onnx, cache), whole = Vits::load_whole(onnx, cache);
  ASSERT_TRUE(parted) << parted.error().message;
  ASSERT_TRUE(whole) << whole.error().message;
  std::vector<std::int64_t> ids{1, 0};
  for (int i = 0; i < 60; ++i) ids.insert(ids.end(), {14 + i * 7 % 40, 0});
  ids.push_back(2);
  const VitsScales quiet{0, 1, 0};  // nothing is drawn
  std::vector<float> sound, one;
  int pieces = 0;
  ASSERT_TRUE((*parted)->run(ids, quiet, [&](auto samples) {
    ++pieces;
    sound.insert(sound.end(), samples.begin(), samples.end());
    return true;
  }));
  ASSERT_TRUE((*whole)->run(ids, quiet, [&](auto samples) {
    one.assign(samples.begin(), samples.end());
    return true;
  }));
  EXPECT_GE(pieces, 2);
  ASSERT_EQ(sound.size(), one.size());
  double most = 0;
  for (std::size_t i = 0; i < one.size(); ++i) most = std::max(most, std::abs(static_cast<double>(sound[i]) - one[i]));
  EXPECT_LT(most, 1e-4);
  pieces = 0;
  ASSERT_TRUE((*parted)->run(ids, quiet, [&](auto) { return ++pieces < 1; }));
  EXPECT_EQ(pieces, 1) << "a stop takes effect between windows";
}

}  // namespace
}  // namespace zenith::media
