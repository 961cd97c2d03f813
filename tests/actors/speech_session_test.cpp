#include "zenith/actors/speech_session.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace zenith::actors {
namespace {

using testing::HasSubstr;

std::shared_ptr<const Plan> plan(std::string service) {
  Plan p;
  p.model.name = "piper-joe";
  p.stages.push_back({Stage::Kind::speak, std::move(service), {}});
  return std::make_shared<const Plan>(p);
}

struct SpeechStateTest : testing::Test {
  SpeechState s{[] {
    auto r = std::make_shared<messages::Speak>();
    r->model = "tts-1";
    r->input = "hello";
    return r;
  }()};
  SpeechState::Work submit(std::string service = "voice-1") {
    auto out = s.on_planned(plan(std::move(service)));
    EXPECT_TRUE(out.submit);
    return out.submit.value_or(SpeechState::Work{});
  }
  static const Error& error_of(const SpeechState::Outcome& out) { return std::get<Error>(*out.deliver); }
};

TEST_F(SpeechStateTest, a_planned_request_goes_out_under_the_models_own_name_and_its_events_pass) {
  ASSERT_TRUE(s.on_start().plan);
  const auto work = submit();
  EXPECT_EQ(work.request->model, "piper-joe");
  EXPECT_EQ(work.attempt, 1U);
  EXPECT_FALSE(s.on_event(messages::Audio{22050, {1}}, 1).end);
  EXPECT_EQ(s.on_grant(3).grant, 3U);
  const auto last = s.on_event(messages::Finished{}, 1);
  EXPECT_TRUE(last.end);
  EXPECT_FALSE(last.cancel_work);
  EXPECT_FALSE(s.on_event(messages::Audio{22050, {1}}, 1).deliver) << "nothing comes after the last event";
}

TEST_F(SpeechStateTest, a_service_lost_before_any_audio_is_replaced) {
  s.on_start();
  submit("voice-1");
  const auto lost = s.on_service_down("killed");
  ASSERT_TRUE(lost.plan);
  EXPECT_EQ(lost.plan->avoid.at(0).service_id, "voice-1");
  EXPECT_EQ(submit("voice-2").attempt, 2U);
  EXPECT_FALSE(s.on_event(messages::Audio{22050, {1}}, 1).deliver) << "of the attempt before";
}

TEST_F(SpeechStateTest, without_another_the_client_gets_the_loss_by_name) {
  s.on_start();
  submit();
  s.on_service_down("killed");
  const auto out = s.on_planned(fail(Errc::unavailable, "nobody left"));
  ASSERT_TRUE(out.end);
  EXPECT_EQ(error_of(out).code, Errc::unavailable);
  EXPECT_THAT(error_of(out).message, HasSubstr("voice-1"));
  EXPECT_GT(error_of(out).retry_after.count(), 0);
}

TEST_F(SpeechStateTest, speech_that_has_begun_ends_with_its_service) {
  s.on_start();
  submit();
  s.on_event(messages::Audio{22050, {1}}, 1);
  const auto out = s.on_service_down("killed");
  EXPECT_FALSE(out.plan);
  ASSERT_TRUE(out.end);
  EXPECT_EQ(error_of(out).code, Errc::unavailable);
  EXPECT_THAT(error_of(out).message, HasSubstr("voice-1"));
}

TEST_F(SpeechStateTest, a_refusal_is_the_answer_and_a_service_that_loads_is_asked_of_another) {
  s.on_start();
  submit();
  EXPECT_TRUE(s.on_event(Error{Errc::loading, "wait", {}, {}}, 1).plan);
  submit("voice-2");
  const auto out = s.on_event(Error{Errc::invalid_argument, "no such voice", "voice", {}}, 2);
  EXPECT_TRUE(out.end);
  EXPECT_EQ(error_of(out).param, "voice");
}

TEST_F(SpeechStateTest, a_stop_cancels_the_work_once) {
  s.on_start();
  submit();
  const auto out = s.on_stop({Errc::cancelled, "gone", {}, {}});
  EXPECT_TRUE(out.cancel_work);
  EXPECT_TRUE(out.end);
  EXPECT_FALSE(s.on_stop({Errc::deadline, "late", {}, {}}).deliver);
}

}  // namespace
}  // namespace zenith::actors
