#include "zenith/actors/supervisor.hpp"

#include <gtest/gtest.h>

#include "zenith/actors/system.hpp"

namespace zenith::actors {
namespace {

using namespace std::chrono_literals;

TEST(restart_state, pauses_double_up_to_the_longest_and_then_it_stays_down) {
  RestartState state({.first_pause = 100ms, .longest_pause = 350ms, .limit = 5, .window = 60s});
  const Instant t{10s};
  EXPECT_EQ(state.on_failure(t), t + 100ms);
  EXPECT_EQ(state.on_failure(t), t + 200ms);
  EXPECT_EQ(state.on_failure(t), t + 350ms);
  EXPECT_EQ(state.on_failure(t), t + 350ms);
  EXPECT_EQ(state.on_failure(t), std::nullopt);
}

TEST(restart_state, old_failures_are_forgiven) {
  RestartState state({.first_pause = 100ms, .longest_pause = 5s, .limit = 3, .window = 10s});
  for (int i = 0; i < 20; ++i) {
    const Instant t{std::chrono::seconds(20 * i)};
    EXPECT_EQ(state.on_failure(t), t + 100ms);
  }
}

struct Poke {
  bool fail = false;
};
class Child final : public Actor<Poke, Ping> {
 public:
  explicit Child(const bool& deaf) : deaf_(deaf) {}
  void on(Poke poke, Context&) override {
    if (poke.fail) throw std::runtime_error("poked");
  }
  void on(Ping ping, Context&) override {
    if (deaf_) {
      kept_.push_back(std::move(ping));  // answered never
    } else {
      ping.answer.keep(Pong{});
    }
  }

 private:
  const bool& deaf_;
  std::vector<Ping> kept_;
};

struct SupervisorTest : testing::Test {
  FakeClock clock;
  bool deaf = false;
  int starts = 0;
  Address child;
  std::vector<std::string> events;
  System system{clock, {.workers = 2, .deterministic = true}};
  Ref<SupervisorMessage> supervisor{system.spawn(
      "supervisor", make_supervisor({.restart = {.first_pause = 100ms, .longest_pause = 1s, .limit = 3, .window = 60s},
                                     .ping_every = 1s,
                                     .stuck_after = 5s}))};

  void SetUp() override {
    ChildSpec spec;
    spec.name = "child";
    spec.start = [this] {
      ++starts;
      return system.spawn("child", std::make_unique<Child>(deaf));
    };
    spec.started = [this](const Address& at) { child = at; };
    spec.failed = [this](const std::string& why, std::optional<Duration> again) {
      events.push_back(why + (again ? "" : ", for good"));
    };
    spec.stuck = [this](bool stuck) { events.push_back(stuck ? "stuck" : "answers"); };
    spec.ping = [](const Address& at, Promise<Pong> answer) { Ref<Ping>{at}.send({std::move(answer)}, Urgency::high); };
    supervisor.send(Supervise{std::move(spec), {}});
    system.settle();
  }
  void pass(Duration time, Duration step = 100ms) {
    for (Duration t{}; t < time; t += step) {
      clock.advance(step);
      system.settle();
    }
  }
  void poke() {
    Ref<Poke>{child}.send({true});
    system.settle();
  }
};

TEST_F(SupervisorTest, a_child_that_throws_is_started_again_after_its_pause) {
  EXPECT_EQ(starts, 1);
  poke();
  EXPECT_EQ(events, std::vector<std::string>{"poked"});
  EXPECT_EQ(starts, 1);
  pass(100ms);
  EXPECT_EQ(starts, 2);
}

TEST_F(SupervisorTest, one_that_keeps_failing_is_quarantined) {
  for (int i = 0; i < 3; ++i) {
    poke();
    pass(1s);
  }
  EXPECT_EQ(starts, 3);
  EXPECT_EQ(events.back(), "poked, for good");
  pass(120s, 1s);
  EXPECT_EQ(starts, 3);
}

TEST_F(SupervisorTest, the_watchdog_names_one_that_does_not_answer_and_says_when_it_does_again) {
  pass(10s);
  EXPECT_TRUE(events.empty());
  deaf = true;
  pass(8s);
  EXPECT_EQ(events, std::vector<std::string>{"stuck"});
  EXPECT_EQ(starts, 1) << "a stuck worker cannot be taken from it";
}

TEST_F(SupervisorTest, a_child_that_was_started_before_is_watched_too) {
  ChildSpec spec;
  spec.name = "elder";
  spec.start = [this] {
    ++starts;
    return system.spawn("elder", std::make_unique<Child>(deaf));
  };
  const Address elder = spec.start();
  supervisor.send(Supervise{spec, elder});
  system.settle();
  EXPECT_EQ(starts, 2);
  system.kill(elder);
  system.settle();
  pass(100ms);
  EXPECT_EQ(starts, 3);
}

}  // namespace
}  // namespace zenith::actors
