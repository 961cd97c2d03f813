#include "zenith/actors/watch_session.hpp"

#include <gtest/gtest.h>

namespace zenith::actors {
namespace {

std::shared_ptr<const Plan> plan() {
  Plan p;
  p.model.name = "host.cpu";
  p.stages.push_back({Stage::Kind::sense, "sensor-1:host.cpu", {}});
  return std::make_shared<const Plan>(p);
}

messages::Frames frames(std::uint64_t first, std::uint64_t next) {
  messages::Frames f;
  for (auto seq = first; seq < next; ++seq) f.heads.push_back({seq, 0, 0, 0});
  f.next = next;
  return f;
}

struct WatchStateTest : testing::Test {
  WatchState s{[] {
    auto r = std::make_shared<messages::Watch>();
    r->model = "host.cpu";
    r->credit_events = 4;
    return r;
  }()};
  Instant now{std::chrono::seconds(100)};
  WatchState::Work submit() {
    auto out = s.on_planned(plan(), now);
    EXPECT_TRUE(out.submit);
    return out.submit.value_or(WatchState::Work{});
  }
};

TEST_F(WatchStateTest, a_lost_sensor_is_waited_for_and_the_stream_goes_on_from_its_next_number) {
  ASSERT_TRUE(s.on_start().plan);
  EXPECT_FALSE(submit().request->from);
  EXPECT_TRUE(s.on_event(frames(7, 10), 1, now).deliver);
  const auto lost = s.on_service_down("killed", now);
  ASSERT_TRUE(lost.again_at);
  EXPECT_FALSE(lost.end);
  EXPECT_TRUE(s.on_again().plan);
  EXPECT_TRUE(s.on_planned(fail(Errc::unavailable, "it is down"), now).again_at) << "not there yet";
  EXPECT_TRUE(s.on_again().plan);
  const auto again = submit();
  EXPECT_EQ(again.request->from, 10U);
  EXPECT_EQ(again.request->credit_events, 3U) << "one event is on its way to the client";
  EXPECT_EQ(again.attempt, 2U);
  EXPECT_FALSE(s.on_event(frames(10, 11), 1, now).deliver) << "of the attempt before";
  EXPECT_TRUE(s.on_event(frames(12, 13), 2, now).deliver);
}

TEST_F(WatchStateTest, patience_ends) {
  s.on_start();
  submit();
  s.on_event(frames(0, 1), 1, now);
  s.on_service_down("killed", now);
  for (int i = 0; i < 10'000; ++i) {
    now += WatchState::kPause;
    s.on_again();
    const auto out = s.on_planned(fail(Errc::unavailable, "it is down"), now);
    if (!out.end) continue;
    EXPECT_EQ(std::get<Error>(*out.deliver).code, Errc::unavailable);
    EXPECT_GE(now - Instant{std::chrono::seconds(100)}, WatchState::kPatience);
    return;
  }
  FAIL() << "it waits for ever";
}

TEST_F(WatchStateTest, a_sensor_that_is_not_there_is_an_answer_at_once) {
  s.on_start();
  const auto out = s.on_planned(fail(Errc::not_found, "sensor 'x' is not known here", "sensor_id"), now);
  ASSERT_TRUE(out.end);
  EXPECT_EQ(std::get<Error>(*out.deliver).param, "sensor_id");
}

TEST_F(WatchStateTest, one_that_was_unloaded_ends_the_stream) {
  s.on_start();
  submit();
  s.on_event(frames(0, 1), 1, now);
  s.on_service_down("unloaded", now);
  s.on_again();
  EXPECT_TRUE(s.on_planned(fail(Errc::not_found, "gone"), now).end);
}

TEST_F(WatchStateTest, the_deadline_is_an_end_like_any_other) {
  s.on_start();
  submit();
  s.on_event(frames(0, 1), 1, now);
  const auto out = s.on_deadline();
  EXPECT_TRUE(out.end && out.cancel_work);
  EXPECT_TRUE(std::holds_alternative<messages::Finished>(*out.deliver));
  EXPECT_FALSE(s.on_stop(Error{}).deliver) << "there is one end";
}

TEST_F(WatchStateTest, a_cancel_while_waiting_ends_it) {
  s.on_start();
  submit();
  s.on_event(frames(0, 1), 1, now);
  s.on_service_down("killed", now);
  const auto out = s.on_stop(Error{Errc::cancelled, "gone", {}, {}});
  EXPECT_TRUE(out.end);
  EXPECT_FALSE(out.cancel_work);
  EXPECT_FALSE(s.on_again().plan);
}

}  // namespace
}  // namespace zenith::actors
