// The shim: messages, urgency, alarms, failures, the end. Deterministic: no threads but in the one test that says so.
#include "zenith/actors/system.hpp"

#include <gtest/gtest.h>

#include <future>
#include <stdexcept>
#include <vector>

#include "zenith/actors/after_turn.hpp"
#include "zenith/actors/promise.hpp"
#include "zenith/actors/together.hpp"

namespace zenith::actors {
namespace {

using namespace std::chrono_literals;

struct Say {
  std::string what;
};
struct Ask {
  int number = 0;
  Promise<int> answer;
};
struct Unknown {};

struct Seen {
  std::vector<std::string> said;
  std::vector<Down> downs;
  int wakes = 0;
};

class Talker final : public Actor<Say, Ask> {
 public:
  explicit Talker(Seen& seen) : seen_(seen) {}
  void on(Say say, Context& self) override {
    if (say.what == "throw") throw std::runtime_error("boom");
    if (say.what == "quit") return self.quit();
    if (say.what == "alarm") return self.wake_at(self.now() + 10ms);
    seen_.said.push_back(std::move(say.what));
  }
  void on(Ask ask, Context&) override {
    if (ask.number < 0) return;  // forgets the promise
    ask.answer.keep(ask.number * 2);
  }
  void on_wake(Context&) override { ++seen_.wakes; }

 private:
  Seen& seen_;
};

class Watcher final : public Actor<Say> {
 public:
  Watcher(Seen& seen, Address other) : seen_(seen), other_(std::move(other)) {}
  void on_start(Context& self) override { self.watch(other_); }
  void on(Say, Context&) override {}
  void on_down(const Down& down, Context&) override { seen_.downs.push_back(down); }

 private:
  Seen& seen_;
  Address other_;
};

struct SystemTest : testing::Test {
  FakeClock clock;
  Seen seen;
  System system{clock, {.workers = 2, .deterministic = true}};
  Address talker = system.spawn("talker", std::make_unique<Talker>(seen));
  Ref<Say> say{talker};
  Ref<Ask> ask{talker};

  std::vector<Expected<int>> answers;
  Promise<int> promise() {
    return {[this](Expected<int> got) { answers.push_back(std::move(got)); }, Error{Errc::unavailable, "gone", {}, {}}};
  }
};

TEST_F(SystemTest, messages_arrive_in_order_and_urgent_ones_overtake) {
  system.settle();
  say.send({"a"});
  say.send({"b"});
  say.send({"cancel"}, Urgency::high);
  system.settle();
  EXPECT_EQ(seen.said, (std::vector<std::string>{"cancel", "a", "b"}));
}

TEST_F(SystemTest, what_is_sent_together_waits_for_the_end_and_keeps_its_order) {
  system.settle();
  {
    const Together outer;
    say.send({"a"});
    {
      const Together inner;
      say.send({"b"});
    }
    say.send({"cancel"}, Urgency::high);
    system.settle();
    EXPECT_TRUE(seen.said.empty());
  }
  system.settle();
  EXPECT_EQ(seen.said, (std::vector<std::string>{"cancel", "a", "b"}));
}

TEST_F(SystemTest, together_takes_receivers_of_any_system_and_those_that_have_ended) {
  Seen other_seen;
  System other{clock, {.workers = 2, .deterministic = true}};
  const Ref<Say> there{other.spawn("there", std::make_unique<Talker>(other_seen))};
  say.send({"quit"});
  system.settle();
  other.settle();
  {
    const Together burst;
    say.send({"too late"});
    there.send({"hello"});
  }
  system.settle();
  other.settle();
  EXPECT_TRUE(seen.said.empty());
  EXPECT_EQ(other_seen.said, std::vector<std::string>{"hello"});
}

TEST_F(SystemTest, a_kept_promise_answers_once) {
  const auto p = promise();
  ask.send({21, p});
  system.settle();
  EXPECT_FALSE(p.keep(1));
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].value(), 42);
}

TEST_F(SystemTest, a_forgotten_promise_is_a_typed_error) {
  ask.send({-1, promise()});
  system.settle();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].error().code, Errc::unavailable);
}

TEST_F(SystemTest, promises_in_the_mailbox_of_an_actor_that_throws_are_broken) {
  system.settle();
  say.send({"throw"});
  ask.send({1, promise()});
  ask.send({2, promise()});
  system.settle();
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_FALSE(answers[0].has_value());
  ask.send({3, promise()});  // to the ended actor
  system.settle();
  ASSERT_EQ(answers.size(), 3u);
  EXPECT_FALSE(answers[2].has_value());
}

TEST_F(SystemTest, watchers_hear_why_an_actor_failed) {
  system.spawn("watcher", std::make_unique<Watcher>(seen, talker));
  system.settle();
  say.send({"throw"});
  system.settle();
  ASSERT_EQ(seen.downs.size(), 1u);
  EXPECT_EQ(seen.downs[0].who, talker.id());
  EXPECT_TRUE(seen.downs[0].failed);
  EXPECT_EQ(seen.downs[0].reason, "boom");
  EXPECT_EQ(system.live(), 1u);
}

TEST_F(SystemTest, a_normal_end_is_not_a_failure_and_a_late_watch_still_hears) {
  say.send({"quit"});
  system.settle();
  system.spawn("watcher", std::make_unique<Watcher>(seen, talker));
  system.settle();
  ASSERT_EQ(seen.downs.size(), 1u);
  EXPECT_FALSE(seen.downs[0].failed);
}

TEST_F(SystemTest, alarms_follow_the_clock) {
  say.send({"alarm"});
  system.settle();
  clock.advance(9ms);
  system.settle();
  EXPECT_EQ(seen.wakes, 0);
  clock.advance(1ms);
  system.settle();
  EXPECT_EQ(seen.wakes, 1);
}

TEST_F(SystemTest, a_later_alarm_replaces_the_earlier_one) {
  say.send({"alarm"});
  system.settle();
  clock.advance(5ms);
  say.send({"alarm"});
  system.settle();
  clock.advance(20ms);
  system.settle();
  EXPECT_EQ(seen.wakes, 1);
}

TEST_F(SystemTest, an_alarm_that_rang_as_it_was_replaced_does_not_count) {
  say.send({"alarm"});
  system.settle();
  clock.advance(10ms);
  say.send({"alarm"}, Urgency::high);  // handled before the wake-up that is due now
  system.settle();
  EXPECT_EQ(seen.wakes, 0);
  clock.advance(10ms);
  system.settle();
  EXPECT_EQ(seen.wakes, 1);
}

TEST_F(SystemTest, a_message_of_another_type_is_dropped_and_the_actor_lives) {
  Ref<Unknown>{talker}.send({});
  say.send({"still here"});
  system.settle();
  EXPECT_EQ(seen.said, std::vector<std::string>{"still here"});
}

TEST_F(SystemTest, nothing_is_spawned_after_stop) {
  system.stop();
  EXPECT_EQ(system.live(), 0u);
  EXPECT_FALSE(system.spawn("late", std::make_unique<Talker>(seen)));
}

struct Burst {
  int rest = 0;
};

// Counts the messages of each turn of its own.
class Counter final : public Actor<Burst> {
 public:
  Counter(std::vector<int>& turns, std::promise<void>& done, std::future<void> all_sent)
      : turns_(turns), done_(done), all_sent_(std::move(all_sent)) {}
  void on(Burst burst, Context&) override {
    if (all_sent_.valid()) all_sent_.get();
    ++handled_;
    after_turn(this, [this] { turns_.push_back(std::exchange(handled_, 0)); });
    if (burst.rest == 0) after_turn(&done_, [this] { done_.set_value(); });
  }

 private:
  std::vector<int>& turns_;
  std::promise<void>& done_;
  std::future<void> all_sent_;
  int handled_ = 0;
};

TEST(system_threads, work_is_done_once_for_the_messages_of_a_turn_and_a_turn_is_bounded) {
  std::vector<int> turns;
  std::promise<void> done, all_sent;
  const SystemClock clock;
  System system{clock, {}};
  const Ref<Burst> counter{system.spawn("counter", std::make_unique<Counter>(turns, done, all_sent.get_future()))};
  for (int rest = 199; rest >= 0; --rest) counter.send({rest});
  all_sent.set_value();
  ASSERT_EQ(done.get_future().wait_for(30s), std::future_status::ready);
  system.stop();
  EXPECT_EQ(turns, (std::vector<int>{64, 64, 64, 8}));
}

TEST(system_threads, outside_of_actors_after_turn_is_now) {
  bool now = false;
  after_turn(nullptr, [&] { now = true; });
  EXPECT_TRUE(now);
}

TEST(system_threads, alarms_and_messages_work_with_real_workers) {
  SystemClock clock;
  System system{clock, {}};
  std::promise<void> rang;
  system.at(clock.now() + 1ms, [&] { rang.set_value(); });
  EXPECT_EQ(rang.get_future().wait_for(10s), std::future_status::ready);

  Seen seen;
  const Ref<Ask> ask{system.spawn("talker", std::make_unique<Talker>(seen))};
  std::promise<int> got;
  ask.send({4, {[&](Expected<int> answer) { got.set_value(answer.value_or(-1)); }, Error{}}});
  EXPECT_EQ(got.get_future().get(), 8);
  system.stop();
}

}  // namespace
}  // namespace zenith::actors
