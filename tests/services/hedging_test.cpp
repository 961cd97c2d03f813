// A slow call is asked of a second replica beside the first, within its share.
#include "gateway/hedging.hpp"

#include <gtest/gtest.h>

#include "gateway/retrying_call.hpp"
#include "zenith/actors/directory.hpp"
#include "zenith/actors/router.hpp"
#include "zenith/actors/system.hpp"

namespace zenith::services {
namespace {

using namespace actors;
using namespace std::chrono_literals;

TEST(hedging, waits_for_the_95th_percentile_once_enough_calls_are_known) {
  Hedging hedging(5);
  for (int i = 1; i <= 19; ++i) hedging.took(std::chrono::milliseconds(10 * i));
  EXPECT_FALSE(hedging.begin());
  hedging.took(200ms);
  ASSERT_TRUE(hedging.begin());
  EXPECT_EQ(*hedging.begin(), 200ms);
}

TEST(hedging, keeps_to_its_share_of_the_calls) {
  Hedging hedging(5);
  int taken = 0;
  for (int i = 0; i < 1000; ++i) {
    hedging.took(1ms);
    static_cast<void>(hedging.begin());
    taken += hedging.take() ? 1 : 0;
  }
  EXPECT_EQ(taken, 50);
  Hedging off(0);
  for (int i = 0; i < 100; ++i) off.took(1ms);
  EXPECT_FALSE(off.begin());
  EXPECT_FALSE(off.take());
}

/// Answers at once, or never while `silent`.
struct Replica final : Actor<ServiceMessage> {
  explicit Replica(bool& silent_now, int& asked_so_far) : silent(silent_now), asked(asked_so_far) {}
  void on(ServiceMessage message, Context&) override {
    auto* call = std::get_if<TokenizeCall>(&message);
    if (call == nullptr) return;
    ++asked;
    if (silent) {
      kept.push_back(std::move(call->answer));
    } else {
      call->answer.keep(messages::Tokens{{1, 2}});
    }
  }
  bool& silent;
  int& asked;
  std::vector<Promise<messages::Tokens>> kept;
};

TEST(hedging, a_silent_replica_costs_a_call_little_and_the_first_answer_counts_once) {
  FakeClock clock;
  System system{clock, {.workers = 1, .deterministic = true}};
  const auto board = std::make_shared<Board>(std::map<std::string, std::string>{{"other-name", "m"}});
  const auto router = std::make_shared<SharedRef<RouterMessage>>();
  router->set(system.spawn_as<RouterMessage>("router", make_router(board)));
  bool silent[2] = {false, false};
  int asked[2] = {0, 0};
  DirectoryState state{*board->view()};
  for (int i = 0; i < 2; ++i) {
    const std::string id = "text-" + std::to_string(i);
    messages::ModelEntry model;
    model.name = "m";
    state.on(Announce{{messages::Role::text, id, messages::Health::ready, "m", {}}, model});
    static_cast<void>(
        state.on(Report{id,
                        messages::Health::ready,
                        {},
                        model,
                        system.spawn_as<ServiceMessage>(id, std::make_unique<Replica>(silent[i], asked[i]))}));
  }
  board->publish(state.view());
  const auto hedging = std::make_shared<Hedging>(10);
  int answers = 0;
  const auto call = [&] {
    messages::Tokenize request;
    request.model = "other-name";
    const Promise<messages::Tokens> promise{[&](const Expected<messages::Tokens>& tokens) {
                                              ++answers;
                                              EXPECT_TRUE(tokens);
                                            },
                                            Error{}};
    using Retrying = RetryingCall<messages::Tokenize, messages::Tokens>;
    std::make_shared<Retrying>(Task::text, std::move(request), promise, router, system, hedging)->start();
    system.settle();
  };
  for (int i = 0; i < 30; ++i) call();
  ASSERT_EQ(answers, 30);
  silent[0] = silent[1] = true;
  call();
  EXPECT_EQ(answers, 30) << "nobody has answered yet";
  silent[0] = silent[1] = false;
  const int before = asked[0] + asked[1];
  clock.advance(10ms);
  system.settle();
  EXPECT_EQ(asked[0] + asked[1], before + 1);
  EXPECT_EQ(answers, 31);
  system.stop();
  EXPECT_EQ(answers, 31) << "the first attempt's end is no second answer";
}

}  // namespace
}  // namespace zenith::services
