#include "zenith/actors/session.hpp"

#include <gtest/gtest.h>

#include <random>
#include <stdexcept>

namespace zenith::actors {
namespace {

std::shared_ptr<const Plan> plan() {
  Plan p;
  p.stages.push_back({Stage::Kind::think, "text-0", {}});
  return std::make_shared<const Plan>(p);
}
Error cancelled() { return {Errc::cancelled, "gone", {}, {}}; }
Errc error_of(const SessionState::Outcome& out) { return std::get<Error>(out.deliver.at(0)).code; }

TEST(session_state, a_planned_request_is_submitted_and_its_events_pass_through) {
  SessionState s;
  const auto planned = s.on_planned(plan());
  ASSERT_TRUE(planned.submit);
  EXPECT_EQ(planned.submit->service_id, "text-0");
  EXPECT_FALSE(s.on_event(messages::Started{3}).end);
  EXPECT_EQ(s.on_grant(5).grant, 5u);
  const auto last = s.on_event(messages::Finished{});
  EXPECT_TRUE(last.end);
  EXPECT_FALSE(last.cancel_work) << "the service is done by itself";
  EXPECT_TRUE(s.on_event(messages::Delta{}).deliver.empty());
}

TEST(session_state, a_refused_plan_is_the_last_event) {
  SessionState s;
  const auto out = s.on_planned(fail(Errc::not_found, "no such model"));
  EXPECT_TRUE(out.end);
  EXPECT_FALSE(out.submit);
  EXPECT_EQ(error_of(out), Errc::not_found);
}

TEST(session_state, a_cancel_while_it_thinks_stops_the_work) {
  SessionState s;
  s.on_planned(plan());
  const auto out = s.on_cancel(cancelled());
  EXPECT_TRUE(out.cancel_work);
  EXPECT_TRUE(out.end);
  EXPECT_EQ(error_of(out), Errc::cancelled);
}

TEST(session_state, a_cancel_while_it_is_planned_has_no_work_to_stop_and_the_plan_comes_too_late) {
  SessionState s;
  EXPECT_FALSE(s.on_cancel(cancelled()).cancel_work);
  EXPECT_FALSE(s.on_planned(plan()).submit);
}

TEST(session_state, a_dead_service_is_named) {
  SessionState s;
  s.on_planned(plan());
  const auto out = s.on_service_down("boom");
  EXPECT_EQ(error_of(out), Errc::unavailable);
  EXPECT_EQ(std::get<Error>(out.deliver[0]).message, "service 'text-0' failed and is being restarted: boom");
}

TEST(session_state, under_any_order_of_messages_there_is_one_last_event) {
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    std::mt19937_64 random(seed);
    SessionState s;
    int last = 0;
    bool ended = false;
    for (int i = 0; i < 20; ++i) {
      SessionState::Outcome out;
      switch (random() % 9) {
        case 0: out = s.on_planned(plan()); break;
        case 1: out = s.on_planned(fail(Errc::loading, "not yet")); break;
        case 2: out = s.on_event(messages::Delta{}); break;
        case 3: out = s.on_event(messages::Finished{}); break;
        case 4: out = s.on_event(Error{}); break;
        case 5: out = s.on_cancel(cancelled()); break;
        case 6: out = s.on_deadline(); break;
        case 7: out = s.on_grant(1); break;
        default: out = s.on_service_down("x");
      }
      for (const auto& event : out.deliver) {
        ASSERT_FALSE(ended) << "seed " << seed;
        last += messages::is_last(event);
      }
      ASSERT_EQ(out.end, !ended && last == 1 && !out.deliver.empty() && messages::is_last(out.deliver.back()));
      ended |= out.end;
    }
    ASSERT_LE(last, 1);
  }
}

TEST(guarded_sink, going_without_a_last_event_gives_the_broken_one) {
  std::vector<messages::Event> got;
  {
    GuardedSink sink([&](messages::Event e) { got.push_back(std::move(e)); }, Error{Errc::internal, "lost", {}, {}});
  }
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(std::get<Error>(got[0]).message, "lost");
}

TEST(guarded_sink, after_the_last_event_nothing_passes) {
  int events = 0;
  {
    GuardedSink sink([&](messages::Event) { ++events; }, Error{});
    sink.deliver(messages::Delta{});
    sink.deliver(messages::Finished{});
    EXPECT_TRUE(sink.ended());
    sink.deliver(messages::Delta{});
    sink.deliver(Error{});
  }
  EXPECT_EQ(events, 2);
}

TEST(guarded_sink, one_that_throws_at_its_end_hurts_nobody) {
  EXPECT_NO_THROW({ GuardedSink sink([](messages::Event) { throw std::runtime_error("full"); }, Error{}); });
}

TEST(session_table, it_bounds_finds_and_forgets) {
  SessionTable table(2);
  auto a = table.admit(RequestId{1});
  ASSERT_TRUE(a);
  EXPECT_EQ(table.admit(RequestId{1}).error().code, Errc::invalid_argument);
  {
    const auto b = table.admit(RequestId{2});
    const auto full = table.admit(RequestId{3});
    EXPECT_EQ(full.error().code, Errc::overloaded);
    EXPECT_GT(full.error().retry_after.count(), 0);
  }
  EXPECT_EQ(table.size(), 1u);
  EXPECT_FALSE(table.wait_empty(std::chrono::nanoseconds(0)));
  table.close();
  EXPECT_EQ(table.admit(RequestId{4}).error().code, Errc::draining);
  {
    const auto gone = std::move(*a);
  }
  EXPECT_TRUE(table.wait_empty(std::chrono::seconds(1)));
}

}  // namespace
}  // namespace zenith::actors
