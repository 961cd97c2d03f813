// Sentences, and who speaks next: plain state.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "zenith/services/voice/sentences.hpp"
#include "zenith/services/voice/voice_core.hpp"

namespace zenith::services {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(sentences, end_at_marks_and_lines_and_nowhere_else) {
  EXPECT_THAT(sentences("One. Two! Three? Four"), ElementsAre("One.", "Two!", "Three?", "Four"));
  EXPECT_THAT(sentences("Dr. Smith paid 3.50 to J. Doe. Really?!"),
              ElementsAre("Dr. Smith paid 3.50 to J. Doe.", "Really?!"));
  EXPECT_THAT(sentences("He said \"go.\" Then left...\nA title\n\nText"),
              ElementsAre("He said \"go.\"", "Then left...", "A title", "Text"));
  EXPECT_THAT(sentences(" ... \n -- \t"), IsEmpty());
  EXPECT_THAT(sentences(""), IsEmpty());
}

TEST(sentences, a_long_one_is_cut_at_commas_then_words_then_characters) {
  std::string with_commas;
  for (int i = 0; i < 60; ++i) with_commas += "so many words, ";
  std::string grown, wide;
  for (const auto& piece : sentences(with_commas)) {
    EXPECT_LE(piece.size(), kLongestSentence);
    EXPECT_EQ(piece.back(), ',');
    grown += piece + " ";
  }
  EXPECT_EQ(grown, with_commas) << "nothing is lost";
  for (int i = 0; i < 400; ++i) wide += "\xc3\xa9";
  std::string back;
  for (const auto& piece : sentences(wide)) {
    EXPECT_EQ(piece.size() % 2, 0U) << "no character is cut";
    back += piece;
  }
  EXPECT_EQ(back, wide);
}

class Core : public testing::Test {
 protected:
  messages::Speak speak(std::uint64_t id, std::string input, std::uint32_t credit = 16) {
    messages::Speak s;
    s.header.id = RequestId{id};
    s.input = std::move(input);
    s.credit_events = credit;
    return s;
  }
  std::optional<Error> error_of(std::uint64_t id) {
    for (auto& [who, event] : core.take_events()) {
      if (auto* error = std::get_if<Error>(&event); error != nullptr && who == RequestId{id}) return *error;
    }
    return std::nullopt;
  }
  VoiceCore core{{22'050, {"joe"}, "en-US", Generation{1}, "piper-vits"}, 2};
  Instant now{std::chrono::seconds{100}};
};

TEST_F(Core, speaks_sentence_by_sentence_and_finishes) {
  core.arrive(speak(1, "One. Two."), now);
  auto job = core.next_job();
  ASSERT_TRUE(job);
  EXPECT_EQ(job->sentence, "One.");
  EXPECT_EQ(job->voice, "joe");
  EXPECT_FALSE(core.next_job()) << "one sentence at a time";
  core.samples(RequestId{1}, std::vector<std::int16_t>(20'000));
  core.job_done(RequestId{1}, {}, now);
  auto events = core.take_events();
  ASSERT_EQ(events.size(), 2U) << "a sentence longer than a piece comes in two";
  EXPECT_EQ(std::get<messages::Audio>(events[0].second).samples.size(), 16'384U);
  EXPECT_EQ(core.next_job()->sentence, "Two.");
  core.samples(RequestId{1}, {1, 2});
  core.job_done(RequestId{1}, {}, now + std::chrono::milliseconds{250});
  events = core.take_events();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_DOUBLE_EQ(std::get<messages::Finished>(events[1].second).timings.predicted_ms, 250);
  EXPECT_EQ(core.open(), 0U);
}

TEST_F(Core, takes_turns_between_requests) {
  core.arrive(speak(1, "Ay. Bee."), now);
  core.arrive(speak(2, "Cee."), now);
  std::string order;
  while (auto job = core.next_job()) {
    order += job->sentence;
    core.samples(job->id, {1});
    core.job_done(job->id, {}, now);
  }
  EXPECT_EQ(order, "Ay.Cee.Bee.");
}

TEST_F(Core, without_credit_a_request_waits_and_makes_nothing_more) {
  core.arrive(speak(1, "Ay. Bee.", 1), now);
  core.samples(core.next_job()->id, std::vector<std::int16_t>(20'000));
  core.job_done(RequestId{1}, {}, now);
  EXPECT_EQ(core.take_events().size(), 1U);
  EXPECT_FALSE(core.next_job());
  core.grant(RequestId{1}, 1);
  EXPECT_EQ(core.take_events().size(), 1U);
  EXPECT_FALSE(core.next_job()) << "that piece took the credit";
  core.grant(RequestId{1}, 1);
  EXPECT_EQ(core.next_job()->sentence, "Bee.");
}

TEST_F(Core, a_cancelled_request_makes_no_further_sentence) {
  core.arrive(speak(1, "Ay. Bee. Cee."), now);
  ASSERT_TRUE(core.next_job());
  core.cancel(RequestId{1});
  core.samples(RequestId{1}, {1, 2, 3});
  core.job_done(RequestId{1}, {}, now);
  EXPECT_THAT(core.take_events(), IsEmpty());
  EXPECT_FALSE(core.next_job());
  EXPECT_FALSE(core.busy());
}

TEST_F(Core, a_full_line_is_overloaded_and_says_when_to_come_back) {
  core.arrive(speak(1, "Ay."), now);
  core.arrive(speak(2, "Bee."), now);
  core.arrive(speak(3, "Cee."), now);
  const auto error = error_of(3);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, Errc::overloaded);
  EXPECT_GT(error->retry_after.count(), 0);
}

TEST_F(Core, refuses_what_it_cannot_say_by_the_field) {
  auto unknown = speak(1, "Hi.");
  unknown.voice = "zoe";
  core.arrive(unknown, now);
  auto error = error_of(1);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->param, "voice");
  EXPECT_THAT(error->message, HasSubstr("joe"));
  core.arrive(speak(2, std::string(kMostCharacters + 1, 'a')), now);
  EXPECT_EQ(error_of(2)->param, "input");
  core.arrive(speak(3, "a\xff"), now);
  EXPECT_THAT(error_of(3)->message, HasSubstr("UTF-8"));
  core.arrive(speak(4, "?!"), now);
  EXPECT_THAT(error_of(4)->message, HasSubstr("nothing to say"));
}

TEST_F(Core, a_sentence_without_sound_is_left_out_but_not_all_of_them) {
  const Status silent = fail(Errc::unsupported, "nothing of it can be spoken", "input");
  core.arrive(speak(1, "Ay. Bee."), now);
  core.job_done(core.next_job()->id, silent, now);
  core.samples(core.next_job()->id, {1});
  core.job_done(RequestId{1}, {}, now);
  EXPECT_TRUE(std::holds_alternative<messages::Finished>(core.take_events().back().second));
  core.arrive(speak(2, "Ay."), now);
  core.job_done(core.next_job()->id, silent, now);
  EXPECT_EQ(error_of(2)->code, Errc::unsupported);
}

TEST_F(Core, a_broken_speaker_ends_the_request_with_its_error) {
  core.arrive(speak(1, "Ay. Bee."), now);
  core.job_done(core.next_job()->id, fail(Errc::internal, "the graph failed"), now);
  EXPECT_EQ(error_of(1)->code, Errc::internal);
  EXPECT_FALSE(core.next_job());
}

}  // namespace
}  // namespace zenith::services
