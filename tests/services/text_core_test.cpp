// The text core alone: messages in, plans and events out; the test plays the lane.
#include "zenith/services/text/text_core.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace zenith::services {
namespace {

using namespace std::chrono_literals;

struct CoreTest : testing::Test {
  CoreTest() { limits.model = "toy"; }

  TextCore& core() {
    if (!made) made = std::make_unique<TextCore>(limits, effects);
    return *made;
  }

  std::shared_ptr<messages::Generate> request(std::uint32_t max_tokens = 8, std::uint32_t tenant = 0) {
    auto r = std::make_shared<messages::Generate>();
    r->header.id = effects.next_request_id();
    r->header.tenant = TenantId{tenant};
    r->header.deadline = {effects.fake_clock.now() + 60s};
    r->prompt = std::string{"text"};
    r->max_tokens = max_tokens;
    return r;
  }
  RequestId submit(std::shared_ptr<messages::Generate> r, std::size_t prompt_tokens) {
    const RequestId id = r->header.id;
    if (core().arrive(std::move(r))) core().prepared(id, Prepared{std::vector<TokenId>(prompt_tokens, 1), false});
    collect();
    return id;
  }
  RequestId submit(std::size_t prompt_tokens, std::uint32_t max_tokens = 8, std::uint32_t tenant = 0) {
    return submit(request(max_tokens, tenant), prompt_tokens);
  }

  /// Plans a step, remembers whose sequences it opens, and answers it: every decode row and every last prompt row gives
  /// one token.
  std::optional<StepPlan> step(Duration took = 10ms) {
    auto plan = core().next_step();
    collect();
    if (!plan) return plan;
    for (const auto& o : plan->open) {
      owner[o.id] = o.request->header.id;
      state[o.id] = {static_cast<std::uint32_t>(o.prompt->tokens.size()), 0, o.max_tokens};
    }
    StepReport report;
    for (const Work& w : plan->work) {
      auto& s = state.at(w.id);
      SequenceStep done{w.id, w.prompt_rows, 0, false, {}, {}, {}};
      (w.prompt_rows > 0 ? report.prompt_rows : report.decode_rows) += std::max(w.prompt_rows, 1u);
      s.prompt_left -= w.prompt_rows;
      if (s.prompt_left == 0) {
        done.tokens = 1;
        done.delta.content = "x";
        if (++s.generated == s.max_tokens) done.end = messages::FinishReason::length;
      }
      report.sequences.push_back(std::move(done));
    }
    effects.fake_clock.advance(took);
    report.took = took;
    core().step_done(std::move(report));
    collect();
    return plan;
  }

  void collect() {
    for (auto& [id, event] : core().take_events()) {
      ASSERT_FALSE(ended.contains(id)) << "an event after the last one of request " << id.value;
      if (messages::is_last(event)) ended.insert(id);
      if (auto* e = std::get_if<Error>(&event)) errors[id] = std::move(*e);
      if (std::holds_alternative<messages::Delta>(event)) ++deltas[id];
      if (auto* f = std::get_if<messages::Finished>(&event)) finished[id] = *f;
    }
  }

  static bool decodes(const StepPlan& plan, SequenceId id) {
    for (const Work& w : plan.work) {
      if (w.id == id) return w.prompt_rows == 0;
    }
    return false;
  }
  static std::uint32_t prompt_rows(const StepPlan& plan) {
    std::uint32_t rows = 0;
    for (const Work& w : plan.work) rows += w.prompt_rows;
    return rows;
  }

  struct Played {
    std::uint32_t prompt_left = 0, generated = 0, max_tokens = 0;
  };
  FakeEffects effects;
  CoreLimits limits{.context = 1024, .pages = 64, .sequences = 4, .queue = 4};
  std::unique_ptr<TextCore> made;
  std::map<SequenceId, RequestId> owner;
  std::map<SequenceId, Played> state;
  std::set<RequestId> ended;
  std::map<RequestId, Error> errors;
  std::map<RequestId, int> deltas;
  std::map<RequestId, messages::Finished> finished;
};

TEST_F(CoreTest, a_fresh_core_first_makes_the_lane_forget) {
  const auto plan = step();
  ASSERT_TRUE(plan);
  EXPECT_TRUE(plan->reset);
  EXPECT_FALSE(step());
}

TEST_F(CoreTest, one_request_runs_to_its_end_and_reports_usage) {
  const auto id = submit(10, 3);
  while (step()) {
  }
  ASSERT_TRUE(finished.contains(id));
  EXPECT_EQ(finished[id].usage.prompt_tokens, 10u);
  EXPECT_EQ(finished[id].usage.completion_tokens, 3u);
  EXPECT_EQ(deltas[id], 3);
  EXPECT_EQ(core().pages().used(), 0u);
  EXPECT_EQ(core().requests(), 0u);
}

TEST_F(CoreTest, every_running_stream_is_in_every_step_whatever_waits) {
  submit(4, 200);
  step();
  const SequenceId stream = owner.begin()->first;
  submit(1000, 8);
  submit(1000, 8);
  for (int i = 0; i < 20; ++i) {
    const auto plan = step();
    ASSERT_TRUE(plan);
    EXPECT_TRUE(decodes(*plan, stream)) << "step " << i;
  }
}

TEST_F(CoreTest, beside_a_stream_a_long_prompt_takes_slices_that_fit_the_step_target) {
  submit(4, 500);
  step();
  submit(1000, 8);
  EXPECT_LE(prompt_rows(*step(42ms)), 32u) << "what a row costs is not known yet";
  const auto second = step();  // about a millisecond a row
  EXPECT_LE(prompt_rows(*second), 80u);
  EXPECT_GE(prompt_rows(*second), limits.fewest_prompt_rows);
}

TEST_F(CoreTest, without_a_stream_a_long_prompt_takes_whole_steps) {
  submit(1000, 8);
  EXPECT_EQ(prompt_rows(*step()), 256u);
}

TEST_F(CoreTest, prompts_of_two_tenants_share_the_step_evenly) {
  submit(900, 8, 1);
  submit(900, 8, 1);
  submit(900, 8, 2);
  const auto plan = step();
  std::map<RequestId, std::uint32_t> rows;
  for (const Work& w : plan->work) rows[owner[w.id]] += w.prompt_rows;
  EXPECT_EQ(rows[RequestId{3}], 128u);
  EXPECT_EQ(rows[RequestId{1}] + rows[RequestId{2}], 128u);
}

TEST_F(CoreTest, a_tenant_with_many_requests_does_not_hold_up_another) {
  limits.sequences = 1;
  limits.queue = 16;
  for (int i = 0; i < 5; ++i) submit(4, 2, 1);
  const auto other = submit(4, 2, 2);
  std::vector<RequestId> order;
  while (const auto plan = step()) {
    for (const auto& o : plan->open) order.push_back(o.request->header.id);
  }
  ASSERT_EQ(order.size(), 6u);
  EXPECT_EQ(order[1], other);
}

TEST_F(CoreTest, a_cancelled_request_is_closed_in_the_next_plan_and_its_pages_are_free) {
  const auto id = submit(100, 100);
  step();
  EXPECT_GT(core().pages().used(), 0u);
  core().cancel(id);
  EXPECT_EQ(core().pages().used(), 0u);
  const auto plan = step();
  ASSERT_TRUE(plan);
  ASSERT_EQ(plan->close.size(), 1u);
  EXPECT_EQ(owner[plan->close[0]], id);
  EXPECT_TRUE(plan->work.empty());
  EXPECT_FALSE(step());
  EXPECT_FALSE(ended.contains(id)) << "whoever cancels has said so to the client already";
}

TEST_F(CoreTest, a_cancel_during_a_step_makes_its_result_void) {
  const auto id = submit(4, 100);
  const auto plan = core().next_step();
  ASSERT_TRUE(plan);
  core().cancel(id);
  StepReport report;
  report.sequences.push_back({plan->work[0].id, 4, 1, false, {0, "late", {}, {}}, {}, {}});
  core().step_done(std::move(report));
  EXPECT_TRUE(core().take_events().empty() || deltas.empty());
  const auto next = core().next_step();
  ASSERT_TRUE(next);
  EXPECT_EQ(next->close.size(), 1u);
}

TEST_F(CoreTest, a_full_queue_refuses_with_a_time_to_come_back) {
  limits.sequences = 1;
  submit(4, 100);
  step();
  for (int i = 0; i < 4; ++i) submit(4, 100);
  const auto refused = submit(4, 100);
  ASSERT_TRUE(errors.contains(refused));
  EXPECT_EQ(errors[refused].code, Errc::overloaded);
  EXPECT_GT(errors[refused].retry_after.count(), 0);
  EXPECT_EQ(errors.size(), 1u);
  EXPECT_EQ(core().queue_depth(), 4u);
}

TEST_F(CoreTest, requests_that_are_being_tokenised_count_as_waiting) {
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(core().arrive(request()));
  EXPECT_FALSE(core().arrive(request()));
}

TEST_F(CoreTest, a_prompt_over_the_context_names_both_numbers) {
  const auto id = submit(1024);
  ASSERT_TRUE(errors.contains(id));
  EXPECT_EQ(errors[id].code, Errc::context_overflow);
  EXPECT_EQ(errors[id].param, "prompt");
  EXPECT_NE(errors[id].message.find("1024 tokens"), std::string::npos) << errors[id].message;
  EXPECT_NE(errors[id].message.find("context of 1024"), std::string::npos) << errors[id].message;
}

TEST_F(CoreTest, an_answer_ends_at_the_context) {
  limits.context = 64;
  const auto id = submit(60, 1000);
  while (step()) {
  }
  EXPECT_EQ(finished[id].usage.completion_tokens, 4u);
}

TEST_F(CoreTest, an_empty_prompt_is_refused_by_name) {
  const auto id = submit(0);
  EXPECT_EQ(errors[id].code, Errc::invalid_argument);
  EXPECT_EQ(errors[id].param, "prompt");
}

TEST_F(CoreTest, without_credit_a_sequence_pauses_and_the_others_go_on) {
  auto slow = request(100);
  slow->credit_events = 3;
  const auto slow_id = submit(std::move(slow), 4);
  const auto fast_id = submit(4, 100);
  for (int i = 0; i < 20; ++i) step();
  EXPECT_EQ(deltas[slow_id], 3);
  EXPECT_EQ(deltas[fast_id], 20);
  core().grant(slow_id, 2);
  for (int i = 0; i < 10; ++i) step();
  EXPECT_EQ(deltas[slow_id], 5);
  core().grant(slow_id, 1000);  // never more than its window
  for (int i = 0; i < 10; ++i) step();
  EXPECT_EQ(deltas[slow_id], 8);
}

TEST_F(CoreTest, choices_of_one_request_share_its_credit) {
  auto r = request(100);
  r->choices = 3;
  r->credit_events = 2;
  const auto id = submit(std::move(r), 4);
  for (int i = 0; i < 10; ++i) step();
  EXPECT_EQ(deltas[id], 2);
}

TEST_F(CoreTest, each_choice_has_its_own_end_and_the_request_one) {
  auto r = request(3);
  r->choices = 3;
  const auto id = submit(std::move(r), 4);
  while (step()) {
  }
  EXPECT_EQ(deltas[id], 9);
  EXPECT_EQ(finished[id].usage.completion_tokens, 9u);
  EXPECT_EQ(finished[id].usage.prompt_tokens, 4u);
}

TEST_F(CoreTest, a_named_seed_gives_each_choice_its_own) {
  auto r = request(3);
  r->choices = 2;
  r->sampling.seed = 7;
  submit(std::move(r), 4);
  const auto plan = step();
  ASSERT_EQ(plan->open.size(), 2u);
  EXPECT_EQ(plan->open[0].seed, 7u);
  EXPECT_EQ(plan->open[1].seed, 8u);
}

TEST_F(CoreTest, what_waited_past_its_deadline_is_never_computed) {
  limits.sequences = 1;
  submit(4, 50);
  step();
  auto r = request(8);
  r->header.deadline = {effects.fake_clock.now() + 100ms};
  const auto id = submit(std::move(r), 4);
  while (step()) {
  }
  EXPECT_EQ(errors[id].code, Errc::deadline);
  for (const auto& [sequence, request_id] : owner) EXPECT_NE(request_id, id);
}

TEST_F(CoreTest, a_failed_sequence_ends_its_request_and_no_other) {
  const auto bad = submit(4, 8), good = submit(4, 8);
  auto plan = core().next_step();
  StepReport report;
  for (const Work& w : plan->work)
    report.sequences.push_back({w.id, w.prompt_rows, 1, false, {0, "x", {}, {}}, {}, {}});
  for (std::size_t i = 0; i < plan->open.size(); ++i) {
    owner[plan->open[i].id] = plan->open[i].request->header.id;
    state[plan->open[i].id] = {0, 1, 8};
  }
  for (auto& s : report.sequences) {
    if (owner[s.id] == bad) s.error = Error{Errc::internal, "NaN", {}, {}};
  }
  core().step_done(std::move(report));
  collect();
  EXPECT_EQ(errors[bad].code, Errc::internal);
  while (step()) {
  }
  EXPECT_TRUE(finished.contains(good));
}

std::vector<std::uint32_t> drafts_of(const StepPlan& plan) {
  std::vector<std::uint32_t> out;
  for (const Work& w : plan.work) out.push_back(w.drafts);
  return out;
}

TEST_F(CoreTest, drafts_are_shared_by_the_streams_of_a_step_and_a_full_batch_has_none) {
  limits.draft_tokens = 15;
  limits.sequences = limits.queue = 32;
  limits.pages = 256;
  for (const auto& [streams, each] :
       std::map<std::uint32_t, std::uint32_t>{{1, 15}, {2, 8}, {4, 4}, {16, 1}, {17, 0}}) {
    made.reset();
    for (std::uint32_t i = 0; i < streams; ++i) {
      auto r = request(100);
      r->credit_events = 100;
      submit(std::move(r), 4);
    }
    step();  // the prompts
    const auto plan = step();
    ASSERT_TRUE(plan);
    EXPECT_EQ(drafts_of(*plan), std::vector<std::uint32_t>(streams, each)) << streams;
    EXPECT_GT(plan->draft_worth, 0);
  }
}

TEST_F(CoreTest, a_draft_stays_within_credit_limit_and_pages) {
  limits.draft_tokens = 15;
  const auto first = [&](std::uint32_t max_tokens, std::uint32_t credit, std::size_t prompt) {
    made.reset();
    auto r = request(max_tokens);
    r->credit_events = credit;
    submit(std::move(r), prompt);
    step();
    return drafts_of(*step()).at(0);
  };
  EXPECT_EQ(first(100, 6, 4), 4u) << "one credit went with the first token, one goes with the next";
  EXPECT_EQ(first(5, 100, 4), 3u) << "the second token and three guessed ones are all that may come";
  EXPECT_EQ(first(2, 100, 4), 0u);
  limits.draft_tokens = 0;
  EXPECT_EQ(first(100, 100, 4), 0u);
  limits.draft_tokens = 15;
  limits.pages = 1;
  EXPECT_EQ(first(100, 100, 55), 7u) << "the context ends with the page";
}

TEST_F(CoreTest, few_pages_are_shared_without_anyone_being_stuck) {
  limits.pages = 20;  // three of the requests below at their longest
  limits.context = 1024;
  limits.sequences = 8;
  limits.queue = 32;
  std::vector<RequestId> ids;
  for (int i = 0; i < 12; ++i) {
    auto r = request(300);
    r->credit_events = 300;
    ids.push_back(submit(std::move(r), 60));
  }
  int steps = 0;
  for (; steps < 20000 && finished.size() < ids.size(); ++steps) {
    ASSERT_TRUE(step()) << "stuck after " << steps;
    ASSERT_LE(core().pages().used(), 20u);
  }
  EXPECT_EQ(finished.size(), ids.size());
  EXPECT_EQ(core().pages().used(), 0u);
}

TEST_F(CoreTest, under_random_messages_nothing_is_lost_or_left_behind) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    std::mt19937_64 random(seed);
    made.reset();
    ended.clear();
    errors.clear();
    finished.clear();
    limits = {.model = "toy", .context = 512, .pages = 24, .sequences = 5, .queue = 6};
    std::set<RequestId> sent, cancelled;
    for (int turn = 0; turn < 200; ++turn) {
      switch (random() % 6) {
        case 0:
        case 1: {
          auto r = request(1 + random() % 60, random() % 3);
          r->choices = 1 + random() % 3;
          r->credit_events = 1 + random() % 5;
          sent.insert(submit(std::move(r), random() % 400));
          break;
        }
        case 2:
          if (!sent.empty()) {
            const auto id = *std::next(sent.begin(), static_cast<std::ptrdiff_t>(random() % sent.size()));
            core().cancel(id);
            cancelled.insert(id);
          }
          break;
        default:
          step();
          if (!sent.empty())
            core().grant(*std::next(sent.begin(), static_cast<std::ptrdiff_t>(random() % sent.size())), 3);
      }
      ASSERT_LE(core().pages().used(), core().pages().total());
    }
    for (int i = 0; i < 5000 && core().requests() > 0; ++i) {
      step();
      for (const auto id : sent) core().grant(id, 9);
    }
    ASSERT_EQ(core().requests(), 0u) << "seed " << seed;
    ASSERT_EQ(core().pages().used(), 0u);
    ASSERT_EQ(core().running(), 0u);
    for (const auto id : sent) ASSERT_TRUE(ended.contains(id) || cancelled.contains(id)) << "seed " << seed;
  }
}

}  // namespace
}  // namespace zenith::services
