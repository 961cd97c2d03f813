// Files of sound to samples: sizes, rates, and every way in which a file can be wrong.
#include "zenith/media/audio.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>

#include "zenith/media/audio_encoder.hpp"

namespace zenith::media {
namespace {

using testing::HasSubstr;

void append_le(std::string& out, std::uint32_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>((value >> (8 * i)) & 0xff);
}

struct Wav {
  std::uint32_t rate = 22050, channels = 1;
  std::uint32_t claimed = 0;  ///< bytes of data that the head says; 0: those that are there
};

/// A tone of 440 Hz at half of full scale.
std::string tone(double seconds, Wav wav = {}) {
  const auto frames = static_cast<std::uint32_t>(seconds * wav.rate);
  const std::uint32_t bytes = frames * wav.channels * 2, says = wav.claimed != 0 ? wav.claimed : bytes;
  std::string out = "RIFF";
  append_le(out, says > 0xffffff00 ? says : says + 36, 4);
  out += "WAVEfmt ";
  append_le(out, 16, 4);
  append_le(out, 1, 2);
  append_le(out, wav.channels, 2);
  append_le(out, wav.rate, 4);
  append_le(out, wav.rate * wav.channels * 2, 4);
  append_le(out, wav.channels * 2, 2);
  append_le(out, 16, 2);
  out += "data";
  append_le(out, says, 4);
  for (std::uint32_t i = 0; i < frames; ++i) {
    const auto sample = static_cast<std::int16_t>(16384 * std::sin(2 * M_PI * 440 * i / wav.rate));
    for (std::uint32_t c = 0; c < wav.channels; ++c) append_le(out, static_cast<std::uint16_t>(sample), 2);
  }
  return out;
}

Expected<std::vector<float>> read(const std::string& file, AudioLimits limits = {}, std::size_t* largest = nullptr) {
  auto reader = AudioReader::open(std::as_bytes(std::span{file}), 16000, limits);
  if (!reader) return tl::make_unexpected(reader.error());
  std::vector<float> all;
  for (;;) {
    std::vector<float> piece;
    const auto more = (*reader)->read(piece);
    if (!more) return tl::make_unexpected(more.error());
    if (!*more) return all;
    if (largest != nullptr) *largest = std::max(*largest, piece.size());
    all.insert(all.end(), piece.begin(), piece.end());
  }
}

double loudness(const std::vector<float>& samples) {
  double sum = 0;
  for (const float x : samples) sum += static_cast<double>(x) * x;
  return std::sqrt(sum / static_cast<double>(samples.size()));
}

TEST(audio, a_wav_is_resampled_and_mixed_to_one_channel) {
  for (const Wav& wav : {Wav{22050, 1}, Wav{48000, 2}, Wav{8000, 1}, Wav{16000, 1}}) {
    std::size_t largest = 0;
    const auto samples = read(tone(3, wav), {}, &largest);
    ASSERT_TRUE(samples) << samples.error().message;
    EXPECT_NEAR(static_cast<double>(samples->size()), 48000, 100) << wav.rate;
    EXPECT_NEAR(loudness(*samples), 0.5 / std::sqrt(2), 0.01) << wav.rate;
    EXPECT_LT(largest, 24000U) << "it comes in pieces";
  }
}

/// The same tone as the encoder writes it.
std::string encoded(AudioCodec codec, double seconds) {
  std::vector<std::int16_t> samples(static_cast<std::size_t>(22050 * seconds));
  for (std::size_t i = 0; i < samples.size(); ++i)
    samples[i] = static_cast<std::int16_t>(16384 * std::sin(2 * M_PI * 440 * static_cast<double>(i) / 22050));
  auto encoder = AudioEncoder::open(codec, 22050);
  if (!encoder) throw std::runtime_error(encoder.error().message);
  auto head = (*encoder)->take(samples), tail = (*encoder)->finish();
  if (!head || !tail) throw std::runtime_error("it cannot be encoded");
  std::string file{head->begin(), head->end()};
  return file.append(tail->begin(), tail->end());
}

TEST(audio, what_the_encoder_makes_is_read) {
  for (const auto codec : {AudioCodec::mp3, AudioCodec::opus, AudioCodec::flac, AudioCodec::aac}) {
    const auto heard = read(encoded(codec, 2));
    ASSERT_TRUE(heard) << static_cast<int>(codec) << heard.error().message;
    EXPECT_NEAR(static_cast<double>(heard->size()), 32000, 3000) << static_cast<int>(codec);
    EXPECT_NEAR(loudness(*heard), 0.5 / std::sqrt(2), 0.05) << static_cast<int>(codec);
  }
}

TEST(audio, a_stream_whose_length_is_unknown_is_read_to_its_end) {
  const auto samples = read(tone(2, {22050, 1, 0xffffffff}));
  ASSERT_TRUE(samples) << samples.error().message;
  EXPECT_NEAR(static_cast<double>(samples->size()), 32000, 100);
}

struct BadAudio {
  const char* name;
  std::string file, says;
};
class BadAudios : public testing::TestWithParam<BadAudio> {};
TEST_P(BadAudios, are_refused_in_clear_words) {
  const auto samples = read(GetParam().file);
  ASSERT_FALSE(samples);
  EXPECT_EQ(samples.error().code, Errc::invalid_argument);
  EXPECT_EQ(samples.error().param, "file");
  EXPECT_THAT(samples.error().message, HasSubstr(GetParam().says));
}
INSTANTIATE_TEST_SUITE_P(
    media, BadAudios,
    testing::Values(BadAudio{"empty", "", "is empty"},
                    BadAudio{"text", "It was the best of times, it was the worst.\n", "no audio or video"},
                    BadAudio{"zeros", std::string(5000, '\0'), "no audio or video"},
                    BadAudio{"a_playlist", "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/passwd\n",
                             "file"},
                    BadAudio{"a_script_of_files", "ffconcat version 1.0\nfile '/etc/passwd'\n", "file"},
                    BadAudio{"a_head_alone", tone(1).substr(0, 44), "file"}),
    [](const auto& i) { return std::string{i.param.name}; });

struct CutAudio {
  const char* name;
  AudioCodec codec;
};
class CutAudios : public testing::TestWithParam<CutAudio> {};

// Whatever the head says: the transcript tells how much was heard.
TEST_P(CutAudios, are_heard_as_far_as_they_go) {
  const std::string whole = encoded(GetParam().codec, 10);
  const auto all = read(whole), half = read(whole.substr(0, whole.size() / 2));
  ASSERT_TRUE(all) << all.error().message;
  ASSERT_TRUE(half) << half.error().message;
  EXPECT_NEAR(static_cast<double>(all->size()), 160'000, 4000);
  EXPECT_GT(half->size(), all->size() / 3);
  EXPECT_LT(half->size(), all->size() * 2 / 3);
}
TEST_P(CutAudios, damaged_anywhere_give_samples_or_an_error) {
  const std::string good = encoded(GetParam().codec, 1);
  std::uint32_t random = 11;
  for (int round = 0; round < 40; ++round) {
    std::string bad = good;
    for (int i = 0; i < 12; ++i) {
      random = random * 1664525 + 1013904223;
      bad[(random >> 8) % (round % 2 == 0 ? bad.size() : 200)] = static_cast<char>(random);
    }
    (void)read(bad, {60});
  }
}
INSTANTIATE_TEST_SUITE_P(media, CutAudios,
                         testing::Values(CutAudio{"mp3", AudioCodec::mp3}, CutAudio{"opus", AudioCodec::opus},
                                         CutAudio{"flac", AudioCodec::flac}, CutAudio{"aac", AudioCodec::aac}),
                         [](const auto& i) { return std::string{i.param.name}; });

TEST(audio, a_wav_that_is_cut_off_is_read_as_far_as_it_goes) {
  const auto cut = read(tone(10).substr(0, 100'000));
  ASSERT_TRUE(cut) << cut.error().message;
  EXPECT_NEAR(static_cast<double>(cut->size()), 16000 * 99'956 / 44'100, 400);
  const auto claims_a_day = read(tone(1, {8000, 1, 16000u * 86400}));
  ASSERT_TRUE(claims_a_day) << claims_a_day.error().message;
  EXPECT_NEAR(static_cast<double>(claims_a_day->size()), 16000, 400);
}

TEST(audio, one_sample_is_too_little_for_the_resampler_and_no_error) {
  const auto one = read(tone(1.0 / 22050).substr(0, 46));
  ASSERT_TRUE(one) << one.error().message;
  EXPECT_LE(one->size(), 1U);
}

TEST(audio, the_limit_holds_for_what_is_decoded_too) {
  const auto samples = read(tone(3, {22050, 1, 0xffffffff}), {1.0});
  ASSERT_FALSE(samples);
  EXPECT_THAT(samples.error().message, HasSubstr("longer than 1 s"));
}

TEST(audio, damaged_bytes_give_samples_or_an_error) {
  const std::string good = tone(0.5);
  std::uint32_t random = 7;
  for (int round = 0; round < 60; ++round) {
    std::string bad = good;
    for (int i = 0; i < 8; ++i) {
      random = random * 1664525 + 1013904223;
      bad[(random >> 8) % 60] = static_cast<char>(random);
    }
    (void)read(bad);
  }
}

}  // namespace
}  // namespace zenith::media
