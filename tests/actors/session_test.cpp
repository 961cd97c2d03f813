#include "zenith/actors/session.hpp"

#include <gtest/gtest.h>

#include <random>
#include <stdexcept>

namespace zenith::actors {
namespace {

std::shared_ptr<const Plan> plan(std::string service = "text-0", std::uint64_t generation = 1) {
  Plan p;
  p.model.generation = Generation{generation};
  p.stages.push_back({Stage::Kind::think, std::move(service), {}});
  return std::make_shared<const Plan>(p);
}
Error cancelled() { return {Errc::cancelled, "gone", {}, {}}; }
const Error& error_of(const SessionState::Outcome& out) { return std::get<Error>(out.deliver.at(0)); }

std::shared_ptr<messages::Generate> request(std::uint32_t choices = 1, std::uint32_t credit = 256) {
  auto r = std::make_shared<messages::Generate>();
  r->choices = choices;
  r->credit_events = credit;
  r->prompt = std::string{"hello"};
  return r;
}
messages::Delta delta(std::string text, std::vector<TokenId> tokens, std::uint32_t choice = 0) {
  return {choice, std::move(text), {}, {}, std::move(tokens)};
}

struct SessionStateTest : testing::Test {
  SessionState s{request()};
  Instant now{};

  /// Plans and submits. @returns what was submitted.
  SessionState::Work submit(std::string service = "text-0") {
    auto out = s.on_planned(plan(std::move(service)));
    EXPECT_TRUE(out.submit);
    return out.submit.value_or(SessionState::Work{});
  }
  SessionState::Outcome event(messages::Event e, std::uint32_t attempt = 1) {
    return s.on_event(std::move(e), attempt, now);
  }
};

TEST_F(SessionStateTest, a_planned_request_is_submitted_and_its_events_pass_through) {
  ASSERT_TRUE(s.on_start().plan);
  const auto work = submit();
  EXPECT_EQ(work.stage.service_id, "text-0");
  EXPECT_EQ(work.attempt, 1u);
  EXPECT_TRUE(work.request->resume.empty());
  EXPECT_FALSE(event(messages::Started{3}).end);
  EXPECT_EQ(s.on_grant(5).grant, 5u);
  const auto last = event(messages::Finished{});
  EXPECT_TRUE(last.end);
  EXPECT_FALSE(last.cancel_work) << "the service is done by itself";
  EXPECT_TRUE(event(messages::Delta{}).deliver.empty());
}

TEST_F(SessionStateTest, a_refused_plan_is_the_last_event) {
  const auto out = s.on_planned(fail(Errc::not_found, "no such model"));
  EXPECT_TRUE(out.end);
  EXPECT_FALSE(out.submit);
  EXPECT_EQ(error_of(out).code, Errc::not_found);
}

TEST_F(SessionStateTest, a_cancel_while_it_thinks_stops_the_work) {
  submit();
  const auto out = s.on_cancel(cancelled());
  EXPECT_TRUE(out.cancel_work);
  EXPECT_TRUE(out.end);
  EXPECT_EQ(error_of(out).code, Errc::cancelled);
}

TEST_F(SessionStateTest, a_cancel_while_it_is_planned_has_no_work_to_stop_and_the_plan_comes_too_late) {
  EXPECT_FALSE(s.on_cancel(cancelled()).cancel_work);
  EXPECT_FALSE(s.on_planned(plan()).submit);
}

TEST_F(SessionStateTest, a_dead_service_is_avoided_and_the_next_one_goes_on_with_what_the_client_has) {
  submit();
  EXPECT_EQ(event(messages::Started{3}).deliver.size(), 1u);
  event(delta("a", {7}));
  event(delta("b", {8, 9}));
  const auto lost = s.on_service_down("boom", now);
  ASSERT_TRUE(lost.plan);
  EXPECT_TRUE(lost.deliver.empty());
  ASSERT_EQ(lost.plan->avoid.size(), 1u);
  EXPECT_EQ(lost.plan->avoid[0].service_id, "text-0");
  EXPECT_EQ(lost.plan->generation, Generation{1}) << "other weights would say something else";
  const auto work = submit("text-1");
  EXPECT_EQ(work.attempt, 2u);
  ASSERT_EQ(work.request->resume.size(), 1u);
  EXPECT_EQ(work.request->resume[0].tokens, (std::vector<TokenId>{7, 8, 9}));
  EXPECT_TRUE(event(messages::Started{3}, 2).deliver.empty()) << "the client knows";
  EXPECT_TRUE(event(delta("late", {1}), 1).deliver.empty()) << "of the lost attempt";
  EXPECT_EQ(event(delta("c", {10}), 2).deliver.size(), 1u);
  EXPECT_TRUE(event(messages::Finished{}, 2).end);
}

TEST_F(SessionStateTest, a_service_that_died_behind_its_link_is_left_even_after_it_began) {
  submit();
  event(messages::Started{3});
  EXPECT_FALSE(event(delta("a", {1})).end);
  const auto out = event(Error{Errc::unavailable, "the service failed and is being restarted", {}, {}});
  ASSERT_TRUE(out.plan);
  EXPECT_FALSE(out.end);
  const auto work = submit("text-1");
  EXPECT_EQ(work.attempt, 2u);
  EXPECT_EQ(work.request->resume.size(), 1u);
}

TEST_F(SessionStateTest, a_request_that_kills_services_behind_links_is_given_up_too) {
  int killed = 0;
  for (std::uint32_t attempt = 1; attempt < 20; ++attempt) {
    submit("text-" + std::to_string(attempt));
    ++killed;
    if (event(Error{Errc::unavailable, "the service failed", {}, {}}, attempt).end) break;
  }
  EXPECT_EQ(killed, 4);
}

TEST_F(SessionStateTest, with_nobody_left_the_lost_service_is_named_and_when_to_come_back) {
  submit();
  event(messages::Started{3});
  ASSERT_TRUE(s.on_service_down("boom", now).plan);
  const auto out = s.on_planned(fail(Errc::unavailable, "nobody else"));
  EXPECT_TRUE(out.end);
  EXPECT_EQ(error_of(out).code, Errc::unavailable);
  EXPECT_EQ(error_of(out).message, "service 'text-0' failed and is being restarted: boom");
  EXPECT_GT(error_of(out).retry_after.count(), 0);
}

TEST_F(SessionStateTest, a_request_that_kills_whoever_serves_it_is_given_up) {
  submit();
  std::uint32_t deaths = 1;
  SessionState::Outcome out;
  for (out = s.on_service_down("boom", now); out.plan && deaths < 100; ++deaths) {
    submit("text-" + std::to_string(deaths));
    out = s.on_service_down("boom", now);
  }
  EXPECT_EQ(deaths, SessionState::kFruitless);
  EXPECT_TRUE(out.end);
  EXPECT_NE(error_of(out).message.find("text-3"), std::string::npos) << error_of(out).message;
}

TEST_F(SessionStateTest, a_long_answer_outlives_more_services_than_that) {
  submit();
  for (std::uint32_t attempt = 1; attempt < 40; ++attempt) {
    event(messages::Started{3}, attempt);
    ASSERT_EQ(event(delta("x", {1}), attempt).deliver.size(), 1u);
    ASSERT_TRUE(s.on_service_down("boom", now).plan) << attempt;
    EXPECT_EQ(submit().request->resume[0].tokens.size(), attempt);
  }
}

TEST_F(SessionStateTest, a_choice_that_has_ended_is_not_run_again_and_keeps_its_counts) {
  s = SessionState{request(2)};
  submit();
  event(messages::Started{3});
  event(delta("a", {7}, 0));
  event(delta("b", {8}, 1));
  event(messages::ChoiceEnd{0, messages::FinishReason::stop, 5, 2});
  s.on_service_down("boom", now);
  const auto resume = submit().request->resume;
  ASSERT_EQ(resume.size(), 2u);
  EXPECT_TRUE(resume[0].ended);
  EXPECT_EQ(resume[0].completion_tokens, 5u);
  EXPECT_EQ(resume[0].reasoning_tokens, 2u);
  EXPECT_TRUE(resume[0].tokens.empty());
  EXPECT_FALSE(resume[1].ended);
  EXPECT_EQ(resume[1].tokens, (std::vector<TokenId>{8}));
}

TEST_F(SessionStateTest, when_only_the_last_event_is_missing_the_session_gives_it) {
  s = SessionState{request(2)};
  submit();
  event(messages::Started{3});
  now += std::chrono::seconds(1);
  event(delta("a", {7}, 0));
  event(messages::ChoiceEnd{0, messages::FinishReason::stop, 5, 2});
  event(messages::ChoiceEnd{1, messages::FinishReason::stop, 4, 1});
  now += std::chrono::milliseconds(250);
  const auto out = s.on_service_down("boom", now);
  ASSERT_TRUE(out.end);
  const auto& finished = std::get<messages::Finished>(out.deliver.at(0));
  EXPECT_EQ(finished.usage.prompt_tokens, 3u);
  EXPECT_EQ(finished.usage.completion_tokens, 9u);
  EXPECT_EQ(finished.usage.reasoning_tokens, 3u);
  EXPECT_EQ(finished.timings.predicted_n, 9u);
  EXPECT_DOUBLE_EQ(finished.timings.predicted_ms, 250);
}

TEST_F(SessionStateTest, generation_is_timed_from_the_first_token_that_the_client_got) {
  submit();
  event(messages::Started{3});
  event(delta("a", {7}));
  now += std::chrono::milliseconds(400);
  s.on_service_down("boom", now);
  submit();
  event(messages::Started{3}, 2);
  now += std::chrono::milliseconds(100);
  messages::Finished last;
  last.timings.predicted_ms = 100;
  const auto out = event(last, 2);
  EXPECT_DOUBLE_EQ(std::get<messages::Finished>(out.deliver.at(0)).timings.predicted_ms, 500);
}

TEST_F(SessionStateTest, a_replica_that_reads_another_prompt_is_left_at_once) {
  submit();
  event(messages::Started{3});
  event(delta("a", {7}));
  s.on_service_down("boom", now);
  submit("text-1");
  const auto out = event(messages::Started{4}, 2);
  EXPECT_TRUE(out.cancel_work);
  ASSERT_TRUE(out.plan);
  EXPECT_EQ(out.plan->avoid.back().service_id, "text-1");
}

TEST_F(SessionStateTest, a_service_that_answers_a_choice_that_is_none_is_left_at_once) {
  s = SessionState{request(2)};
  submit();
  event(messages::Started{3});
  event(delta("a", {7}, 1));
  event(messages::ChoiceEnd{1, {}, 1, 0});
  for (const messages::Event& wrong :
       {messages::Event{delta("x", {1}, 2)}, messages::Event{messages::ChoiceEnd{4'000'000'000, {}, 1, 0}},
        messages::Event{delta("more", {1}, 1)}}) {
    SessionState again = s;
    const auto out = again.on_event(wrong, 1, now);
    EXPECT_TRUE(out.deliver.empty());
    EXPECT_TRUE(out.cancel_work);
    ASSERT_TRUE(out.plan);
    EXPECT_EQ(out.plan->avoid.back().service_id, "text-0");
  }
}

TEST_F(SessionStateTest, what_the_client_has_not_taken_yet_is_spent_of_the_next_window) {
  s = SessionState{request(1, 8)};
  submit();
  event(messages::Started{3});
  for (int i = 0; i < 6; ++i) event(delta("x", {1}));
  s.on_grant(2);
  s.on_service_down("boom", now);
  EXPECT_EQ(s.on_grant(1).grant, 0u) << "there is nobody to pass it to";
  EXPECT_EQ(submit().request->credit_spent, 3u);
  EXPECT_EQ(s.on_grant(2).grant, 0u) << "it would overtake the submit";
  EXPECT_EQ(event(messages::Started{3}, 2).grant, 2u);
  EXPECT_EQ(s.on_grant(1).grant, 1u);
}

TEST_F(SessionStateTest, a_deadline_while_it_is_planned_again_is_the_end) {
  submit();
  event(messages::Started{3});
  s.on_service_down("boom", now);
  const auto out = s.on_deadline();
  EXPECT_TRUE(out.end);
  EXPECT_FALSE(out.cancel_work);
  EXPECT_EQ(error_of(out).code, Errc::deadline);
  EXPECT_FALSE(s.on_planned(plan()).submit);
}

TEST_F(SessionStateTest, a_suspect_service_is_left_when_another_can_go_on_and_kept_when_none_can) {
  submit();
  event(messages::Started{3});
  ASSERT_TRUE(s.on_suspect(1, now).probe);
  EXPECT_FALSE(s.on_suspect(1, now).probe) << "one question at a time";
  const auto none = s.on_probed(fail(Errc::unavailable, "nobody"), 1);
  EXPECT_TRUE(none.deliver.empty());
  EXPECT_FALSE(none.cancel_work || none.submit || none.end);
  EXPECT_EQ(event(messages::Delta{}).deliver.size(), 1u) << "it goes on where it is";

  Plan same = *plan();
  ASSERT_TRUE(s.on_suspect(1, now).probe);
  EXPECT_FALSE(s.on_probed(std::make_shared<const Plan>(same), 1).submit) << "the same service is no other";
  EXPECT_FALSE(s.on_suspect(2, now).probe) << "of another attempt";
}

TEST_F(SessionStateTest, a_suspect_service_that_owes_only_the_last_event_is_not_waited_for) {
  submit();
  event(messages::Started{3});
  event(messages::Delta{});
  event(messages::ChoiceEnd{0, messages::FinishReason::stop, 1, 0});
  const auto out = s.on_suspect(1, now);
  EXPECT_FALSE(out.probe);
  EXPECT_TRUE(out.end && out.cancel_work);
  ASSERT_EQ(out.deliver.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<messages::Finished>(out.deliver[0]));
}

struct AnotherCase {
  const char* name;
  Errc code;
  bool started;
  bool again;
  std::uint32_t attempt = 1;
};
class ServiceError : public SessionStateTest, public testing::WithParamInterface<AnotherCase> {};

TEST_P(ServiceError, asks_another_service_or_ends_the_request) {
  const auto& c = GetParam();
  for (std::uint32_t attempt = 1; attempt <= c.attempt; ++attempt) {
    submit();
    if (attempt < c.attempt) s.on_service_down("boom", now);
  }
  if (c.started) event(messages::Started{3}, c.attempt);
  const auto out = event(Error{c.code, "no", {}, {}}, c.attempt);
  EXPECT_EQ(out.plan.has_value(), c.again);
  EXPECT_EQ(out.end, !c.again);
}

INSTANTIATE_TEST_SUITE_P(session_state, ServiceError,
                         testing::Values(AnotherCase{"draining", Errc::draining, false, true},
                                         AnotherCase{"draining_in_the_middle", Errc::draining, true, true},
                                         AnotherCase{"loading", Errc::loading, false, true},
                                         AnotherCase{"unavailable", Errc::unavailable, false, true},
                                         AnotherCase{"unavailable_in_the_middle", Errc::unavailable, true, true},
                                         AnotherCase{"overloaded_at_first", Errc::overloaded, false, false},
                                         AnotherCase{"overloaded_later", Errc::overloaded, false, true, 2},
                                         AnotherCase{"overloaded_in_the_middle", Errc::overloaded, true, false, 2},
                                         AnotherCase{"internal", Errc::internal, false, false},
                                         AnotherCase{"invalid", Errc::invalid_argument, false, false, 2},
                                         AnotherCase{"deadline", Errc::deadline, true, false}),
                         [](const auto& i) { return std::string{i.param.name}; });

// A service is played that says 1, 2, 3 … as tokens, with a gap at random between events. However it is lost, the
// client sees each once, in order, and one last event.
TEST(session_state, under_any_order_of_messages_tokens_are_seen_once_and_there_is_one_last_event) {
  for (std::uint64_t seed = 0; seed < 5000; ++seed) {
    std::mt19937_64 random(seed);
    const std::uint32_t window = 1 + static_cast<std::uint32_t>(random() % 6);
    SessionState s{request(1, window)};
    Instant now{};
    std::uint32_t attempt = 0, starts = 0;
    TokenId seen = 0, next = 1;  // of the client, of the service
    std::uint32_t credit = 0, outstanding = 0;
    bool planning = true, ended = false, begun = false;
    int last = 0;
    s.on_start();
    for (int i = 0; i < 60; ++i) {
      SessionState::Outcome out;
      switch (random() % 12) {
        case 0:
        case 1: out = s.on_planned(plan()); break;
        case 2:
          if (random() % 8 == 0) out = s.on_planned(fail(Errc::loading, "not yet"));
          break;
        case 3:
          if (!begun && attempt > 0) {
            out = s.on_event(messages::Started{3}, attempt, now);
            begun = true;
          }
          break;
        case 4:
        case 5:
        case 6:
          if (attempt > 0 && begun && !planning && credit > 0) {
            --credit;
            const TokenId token = next++;
            out = s.on_event(delta("x", {token}), attempt, now);
          }
          break;
        case 7: out = s.on_event(delta("old", {99}), attempt == 0 ? 7 : attempt - 1, now); break;
        case 8: out = s.on_service_down("x", now); break;
        case 9:
          out = s.on_event(Error{random() % 2 ? Errc::draining : Errc::loading, "no", {}, {}}, attempt, now);
          break;
        case 10:
          if (random() % 10 == 0) out = random() % 2 ? s.on_deadline() : s.on_cancel(cancelled());
          break;
        default:
          if (outstanding > 0) {
            --outstanding;
            out = s.on_grant(1);
          }
      }
      credit += out.grant;
      for (const auto& event : out.deliver) {
        ASSERT_FALSE(ended) << "seed " << seed;
        last += messages::is_last(event);
        starts += std::holds_alternative<messages::Started>(event);
        if (const auto* d = std::get_if<messages::Delta>(&event)) {
          ASSERT_EQ(d->tokens, std::vector<TokenId>{seen + 1}) << "seed " << seed;
          ++seen;
          ++outstanding;
        }
      }
      if (out.plan) planning = true;
      if (out.submit) {
        ASSERT_TRUE(planning) << "seed " << seed;
        planning = begun = false;
        ASSERT_EQ(out.submit->attempt, attempt + 1);
        attempt = out.submit->attempt;
        const auto& r = *out.submit->request;
        next = r.resume.empty() ? 1 : static_cast<TokenId>(r.resume[0].tokens.size()) + 1;
        ASSERT_EQ(next, seen + 1) << "seed " << seed;
        credit = window - r.credit_spent;
      }
      ASSERT_EQ(out.end, !ended && last == 1 && !out.deliver.empty() && messages::is_last(out.deliver.back()));
      ended |= out.end;
      ASSERT_LE(outstanding, window) << "seed " << seed;
      if (!planning && begun && !ended) {
        ASSERT_EQ(credit + outstanding, window) << "seed " << seed;
      }
    }
    ASSERT_LE(last, 1);
    ASSERT_LE(starts, 1u);
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
