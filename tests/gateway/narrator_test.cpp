// A text that is spoken while it grows.
#include "narrator.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace zenith::gateway {
namespace {

using testing::ElementsAre;

std::vector<std::string> inputs(std::vector<Narrator::Begin> begins) {
  std::vector<std::string> out;
  for (auto& begin : begins) out.push_back(begin.request.input);
  return out;
}
messages::Audio tone(std::size_t samples, std::int16_t value) {
  return {Narrator::kRate, std::vector<std::int16_t>(samples, value)};
}
std::string bytes(std::vector<Narrator::Sound> sounds) {
  std::string out;
  for (auto& sound : sounds) out += sound.bytes;
  return out;
}
std::string pcm(std::size_t samples, char low) {
  std::string out;
  for (std::size_t i = 0; i < samples; ++i) out += {low, 0};
  return out;
}

TEST(narrator, sentences_are_begun_as_soon_as_they_are_whole_two_ahead) {
  Narrator n{"piper", "joe", SpokenFormat::pcm16};
  n.add("The first sentence");
  EXPECT_TRUE(n.take_begins().empty());
  n.add(" is here. The second sentence is, too. And the third sentence. Rest");
  auto begins = n.take_begins();
  ASSERT_EQ(begins.size(), 2U);
  EXPECT_EQ(begins[0].request.model, "piper");
  EXPECT_EQ(begins[0].request.voice, "joe");
  EXPECT_EQ(begins[0].request.credit_events, Narrator::kCredit);
  EXPECT_THAT(inputs(begins), ElementsAre("The first sentence is here.", " The second sentence is, too."));
  n.on_event(begins[0].task, messages::Finished{});
  EXPECT_THAT(inputs(n.take_begins()), ElementsAre(" And the third sentence."));
  n.text_over();
  EXPECT_FALSE(n.done());
}

TEST(narrator, sound_comes_in_the_order_of_the_text_whoever_is_first) {
  Narrator n{"piper", {}, SpokenFormat::pcm16};
  n.add("The first sentence is here. The second sentence is, too. ");
  n.text_over();
  const auto begins = n.take_begins();
  ASSERT_EQ(begins.size(), 2U);
  n.on_event(begins[1].task, tone(3, 2));
  n.on_event(begins[1].task, messages::Finished{});
  EXPECT_TRUE(n.take_sounds().empty());
  n.on_event(begins[0].task, tone(2, 1));
  const auto first = n.take_sounds();
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first[0].credit, begins[0].task);
  EXPECT_EQ(first[0].bytes, pcm(2, 1));
  n.on_event(begins[0].task, messages::Finished{});
  EXPECT_EQ(bytes(n.take_sounds()), pcm(3, 2));
  EXPECT_TRUE(n.done());
  EXPECT_TRUE(n.open().empty());
}

TEST(narrator, a_long_sound_is_cut_and_its_last_piece_has_the_credit) {
  Narrator n{"piper", {}, SpokenFormat::pcm16};
  n.add("The only sentence is this one. ");
  n.text_over();
  const auto task = n.take_begins().at(0).task;
  n.on_event(task, tone(30'000, 1));
  const auto sounds = n.take_sounds();
  ASSERT_EQ(sounds.size(), 3U);
  EXPECT_EQ(sounds[0].credit, 0U);
  EXPECT_EQ(sounds[2].credit, task);
  EXPECT_EQ(bytes(sounds).size(), 60'000U);
}

TEST(narrator, samples_come_at_one_rate_and_none_is_left_behind) {
  for (const bool text_ends_last : {false, true}) {
    Narrator n{"piper", {}, SpokenFormat::wav};
    n.add("The only sentence is this one. ");
    if (!text_ends_last) n.text_over();
    const auto task = n.take_begins().at(0).task;
    n.on_event(task, messages::Audio{22'050, std::vector<std::int16_t>(22'050, 100)});
    n.on_event(task, messages::Finished{});
    n.text_over();
    EXPECT_NEAR(static_cast<double>(bytes(n.take_sounds()).size()) / 2, 24'000, 240);
    EXPECT_TRUE(n.done());
  }
}

TEST(narrator, what_cannot_be_said_is_passed_over_and_what_failed_ends_it) {
  Narrator n{"piper", {}, SpokenFormat::pcm16};
  n.add("The first sentence is here. The second sentence is, too. ");
  n.text_over();
  const auto begins = n.take_begins();
  n.on_event(begins[0].task, Error{Errc::unsupported, "no phonemes", "input", {}});
  EXPECT_FALSE(n.failed());
  EXPECT_THAT(n.open(), ElementsAre(begins[1].task));
  n.on_event(begins[1].task, Error{Errc::unavailable, "service 'voice': it died", {}, {}});
  ASSERT_TRUE(n.failed());
  EXPECT_EQ(n.failed()->code, Errc::unavailable);
  EXPECT_FALSE(n.done());
}

TEST(narrator, a_file_is_made_of_the_whole_text_at_its_end) {
  Narrator n{"piper", {}, SpokenFormat::mp3};
  n.add("The first sentence is here. ");
  n.add("The second sentence is, too. ");
  EXPECT_TRUE(n.take_begins().empty());
  n.text_over();
  const auto begins = n.take_begins();
  ASSERT_EQ(begins.size(), 1U);
  EXPECT_EQ(begins[0].request.input, "The first sentence is here. The second sentence is, too. ");
  EXPECT_EQ(begins[0].request.format, messages::AudioFormat::mp3);
  n.on_event(begins[0].task, messages::AudioBytes{{'a', 'b'}});
  n.on_event(begins[0].task, messages::Finished{});
  EXPECT_EQ(bytes(n.take_sounds()), "ab");
  EXPECT_TRUE(n.done());
}

TEST(narrator, nothing_to_say_is_done_at_once) {
  for (const auto format : {SpokenFormat::wav, SpokenFormat::mp3}) {
    Narrator n{"piper", {}, format};
    n.text_over();
    EXPECT_TRUE(n.done());
    EXPECT_TRUE(n.take_begins().empty());
  }
}

}  // namespace
}  // namespace zenith::gateway
