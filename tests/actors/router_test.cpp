#include "zenith/actors/router.hpp"

#include <gtest/gtest.h>

#include "zenith/actors/system.hpp"

namespace zenith::actors {
namespace {

using messages::Health;
using messages::ModelKind;
using messages::Role;

class Nobody final : public Actor<ServiceMessage> {
  void on(ServiceMessage, Context&) override {}
};

struct RouterTest : testing::Test {
  FakeClock clock;
  System system{clock, {.workers = 2, .deterministic = true}};
  Ref<ServiceMessage> someone{system.spawn("someone", std::make_unique<Nobody>())};
  DirectoryView view;
  RouterState router;

  void add(const std::string& id, const std::string& name, ModelKind kind, Health health, std::string detail = {}) {
    messages::ModelEntry m;
    m.name = name;
    m.kind = kind;
    const Role role = kind == ModelKind::speech ? Role::voice : Role::text;
    view.services.push_back(
        {{role, id, health, name, std::move(detail)}, m, health == Health::ready ? someone : Ref<ServiceMessage>{}});
  }
};

TEST_F(RouterTest, a_generation_is_one_think_stage) {
  add("text-0", "small", ModelKind::generate, Health::ready);
  const auto plan = router.plan(Task::generate, "small", view);
  ASSERT_TRUE(plan);
  ASSERT_EQ(plan->stages.size(), 1u);
  EXPECT_EQ(plan->stages[0].kind, Stage::Kind::think);
  EXPECT_EQ(plan->stages[0].service_id, "text-0");
}

TEST_F(RouterTest, an_alias_plans_its_model_and_no_name_the_first_of_the_kind) {
  view.aliases = {{"text-embedding-3-small", "vectors"}};
  add("text-0", "small", ModelKind::generate, Health::ready);
  add("text-1", "vectors", ModelKind::embed, Health::ready);
  EXPECT_EQ(router.plan(Task::embed, "text-embedding-3-small", view)->model.name, "vectors");
  EXPECT_EQ(router.plan(Task::embed, "", view)->model.name, "vectors");
  EXPECT_EQ(router.plan(Task::generate, "", view)->model.name, "small");
}

/// A service that starts with its first request.
struct OnDemandTest : RouterTest {
  std::shared_ptr<Board> board = std::make_shared<Board>(std::map<std::string, std::string>{});
  std::vector<std::string> woken;
  Ref<RouterMessage> actor{system.spawn_as<RouterMessage>(
      "router", make_router(board, [this](const std::string& id) { woken.push_back(id); }))};
  std::vector<Expected<std::shared_ptr<const Plan>>> answers;

  OnDemandTest() {
    add("voice", "piper", ModelKind::speech, Health::ready);
    view.services.back().ref = {};
    view.on_demand = {"voice"};
    board->publish(view);
  }
  ~OnDemandTest() override { system.stop(); }  // who still waits is answered then
  void is(Health health, bool handle = false) {
    view.services.front().status.health = health;
    view.services.front().ref = handle ? someone : Ref<ServiceMessage>{};
    board->publish(view);
    actor.send(Replan{});
    system.settle();
  }
  void ask(const std::string& model = "piper") {
    actor.send(PlanRequest{Task::speak, model, {[this](auto plan) { answers.push_back(std::move(plan)); }, Error{}}});
    system.settle();
  }
};

TEST_F(OnDemandTest, a_plan_wakes_it_and_waits_until_it_is_up) {
  EXPECT_TRUE(view.asleep(view.services.front()));
  ask();
  ask("");
  EXPECT_EQ(woken, (std::vector<std::string>{"voice", "voice"}));
  is(Health::loading);
  ask();
  EXPECT_EQ(woken.size(), 2u) << "it is awake";
  EXPECT_TRUE(answers.empty());
  is(Health::ready, true);
  ASSERT_EQ(answers.size(), 3u);
  for (const auto& answer : answers) EXPECT_EQ((*answer)->stages.front().service_id, "voice");
}

TEST_F(OnDemandTest, a_start_that_fails_ends_the_wait) {
  ask();
  is(Health::failed);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers.front().error().code, Errc::unavailable);
}

TEST_F(OnDemandTest, the_wait_has_an_end) {
  ask();
  is(Health::loading);
  clock.advance(kStartLimit);
  system.settle();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers.front().error().code, Errc::loading);
  ask();
  EXPECT_EQ(answers.size(), 1u) << "another waits for itself";
}

TEST_F(OnDemandTest, those_who_wait_are_bounded) {
  for (std::size_t i = 0; i < kWaitingPlans; ++i) ask();
  EXPECT_TRUE(answers.empty());
  ask();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers.front().error().code, Errc::loading);
  EXPECT_GT(answers.front().error().retry_after.count(), 0);
}

TEST_F(OnDemandTest, without_a_name_the_first_of_the_kind_is_woken_though_another_runs) {
  add("other", "kokoro", ModelKind::speech, Health::ready);
  board->publish(view);
  ask("");
  EXPECT_EQ(woken, std::vector<std::string>{"voice"});
  EXPECT_TRUE(answers.empty());
  ask("kokoro");
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ((*answers.front())->stages.front().service_id, "other");
}

TEST_F(OnDemandTest, a_wrong_kind_wakes_nobody) {
  actor.send(
      PlanRequest{Task::generate, "piper", {[this](auto plan) { answers.push_back(std::move(plan)); }, Error{}}});
  system.settle();
  EXPECT_TRUE(woken.empty());
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers.front().error().code, Errc::invalid_argument);
}

struct StagesTest : RouterTest {
  void add_eye(Health health, bool loaded = true) {
    DirectoryView::Service eye;
    eye.status = {Role::vision, "vision", health, "ppocr-v4", "0 %"};
    if (loaded) {
      eye.model.emplace();
      eye.model->name = "ppocr-v4";
      eye.model->kind = ModelKind::vision;
    }
    if (health == Health::ready) eye.ref = someone;
    view.services.push_back(std::move(eye));
  }
  Expected<Plan> plan() { return router.plan(Task::generate, "small", view, {}, {Task::see}); }
};

TEST_F(StagesTest, what_has_to_be_done_first_comes_first) {
  add("text-0", "small", ModelKind::generate, Health::ready);
  add_eye(Health::ready);
  const auto both = plan();
  ASSERT_TRUE(both) << both.error().message;
  ASSERT_EQ(both->stages.size(), 2u);
  EXPECT_EQ(both->stages[0].kind, Stage::Kind::see);
  EXPECT_EQ(both->stages[0].model, "ppocr-v4");
  EXPECT_EQ(both->stages[1].kind, Stage::Kind::think);
  EXPECT_EQ(both->model.name, "small");
}

TEST_F(StagesTest, a_stage_that_cannot_be_done_is_refused_by_its_reason) {
  add("text-0", "small", ModelKind::generate, Health::ready);
  EXPECT_EQ(plan().error().code, Errc::unsupported) << "nothing is configured for it";
  add_eye(Health::loading, false);
  EXPECT_EQ(plan().error().code, Errc::loading);
  EXPECT_NE(plan().error().message.find("ppocr-v4"), std::string::npos);
  view.services.back().status.health = Health::failed;
  EXPECT_EQ(plan().error().code, Errc::unavailable);
  EXPECT_NE(plan().error().message.find("service 'vision'"), std::string::npos);
}

TEST_F(StagesTest, a_vision_service_is_nobodys_default_text_model) {
  add_eye(Health::loading, false);
  EXPECT_EQ(router.plan(Task::generate, "", view).error().code, Errc::not_found);
  view.services.clear();
  add_eye(Health::ready);
  EXPECT_EQ(router.plan(Task::generate, "ppocr-v4", view).error().code, Errc::invalid_argument);
  EXPECT_TRUE(router.plan(Task::see, "", view));
  EXPECT_TRUE(router.plan(Task::see, "ppocr-v4", view));
  add("text-0", "small", ModelKind::generate, Health::ready);
  EXPECT_EQ(router.plan(Task::see, "small", view).error().code, Errc::invalid_argument);
}

struct RetryTest : RouterTest {
  Ref<ServiceMessage> restarted{system.spawn("restarted", std::make_unique<Nobody>())};
  Avoid failed(std::string id) const { return {std::move(id), someone.address().id()}; }
  Expected<Plan> plan(PlanLimits limits) { return router.plan(Task::generate, "small", view, limits); }
};

TEST_F(RetryTest, who_has_failed_the_request_is_left_out) {
  add("a", "small", ModelKind::generate, Health::ready);
  add("b", "small", ModelKind::generate, Health::ready);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(plan({{failed("a")}, {}})->stages[0].service_id, "b");
}

TEST_F(RetryTest, a_restarted_service_is_another_actor_but_comes_after_those_that_never_failed) {
  add("a", "small", ModelKind::generate, Health::ready);
  add("b", "small", ModelKind::generate, Health::ready);
  view.services[0].ref = restarted;
  EXPECT_EQ(plan({{failed("a")}, {}})->stages[0].service_id, "b");
  EXPECT_EQ(plan({{failed("a"), failed("b")}, {}})->stages[0].service_id, "a");
}

TEST_F(RetryTest, with_nobody_left_the_last_that_failed_is_named) {
  add("a", "small", ModelKind::generate, Health::ready);
  add("b", "small", ModelKind::generate, Health::ready);
  const auto none = plan({{failed("b"), failed("a")}, {}});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::unavailable);
  EXPECT_NE(none.error().message.find("'a'"), std::string::npos) << none.error().message;
  EXPECT_GT(none.error().retry_after.count(), 0);
}

TEST_F(RetryTest, what_was_begun_with_some_weights_goes_on_with_no_others) {
  add("a", "small", ModelKind::generate, Health::ready);
  add("b", "small", ModelKind::generate, Health::ready);
  view.services[0].model->generation = Generation{1};
  view.services[1].model->generation = Generation{2};
  for (int i = 0; i < 3; ++i) EXPECT_EQ(plan({{}, Generation{2}})->stages[0].service_id, "b");
  EXPECT_EQ(plan({{}, Generation{3}}).error().code, Errc::unavailable);
}

TEST_F(RouterTest, services_with_the_same_model_take_turns_and_a_failed_one_is_passed_by) {
  add("a", "small", ModelKind::generate, Health::ready);
  add("b", "small", ModelKind::generate, Health::failed);
  add("c", "small", ModelKind::generate, Health::ready);
  std::string order;
  for (int i = 0; i < 4; ++i) order += router.plan(Task::generate, "small", view)->stages[0].service_id;
  EXPECT_EQ(order, "acac");
}

struct RefusalCase {
  const char* name;
  Task task;
  const char* model;
  Errc want;
  const char* says;
};
class Refusal : public RouterTest, public testing::WithParamInterface<RefusalCase> {};

TEST_P(Refusal, is_typed_and_says_why) {
  add("text-0", "small", ModelKind::generate, Health::ready);
  add("text-1", "vectors", ModelKind::embed, Health::ready);
  add("text-2", "large", ModelKind::generate, Health::loading, "62 % loaded");
  add("text-3", "broken", ModelKind::generate, Health::failed, "tensor 'x' ends past the file");
  add("text-4", "leaving", ModelKind::generate, Health::draining);
  const auto plan = router.plan(GetParam().task, GetParam().model, view);
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, GetParam().want);
  EXPECT_EQ(plan.error().param, "model");
  EXPECT_NE(plan.error().message.find(GetParam().says), std::string::npos) << plan.error().message;
}

INSTANTIATE_TEST_SUITE_P(
    router, Refusal,
    testing::Values(
        RefusalCase{"unknown_lists_the_known", Task::generate, "gpt-17", Errc::not_found,
                    "small, vectors, large, broken, leaving"},
        RefusalCase{"draining_is_named", Task::generate, "leaving", Errc::draining, "'text-4'"},
        RefusalCase{"loading_says_how_far", Task::generate, "large", Errc::loading, "62 % loaded"},
        RefusalCase{"failed_names_service_and_reason", Task::generate, "broken", Errc::unavailable, "'text-3'"},
        RefusalCase{"no_text_from_vectors", Task::generate, "vectors", Errc::invalid_argument, "computes embeddings"},
        RefusalCase{"no_vectors_from_text", Task::embed, "small", Errc::invalid_argument, "no embeddings"}),
    [](const auto& i) { return std::string{i.param.name}; });

TEST_F(RouterTest, what_was_admitted_before_the_server_drains_is_still_planned) {
  add("text-0", "small", ModelKind::generate, Health::ready);
  view.draining = true;  // new requests are refused where they are admitted
  EXPECT_TRUE(router.plan(Task::generate, "small", view));
}

}  // namespace
}  // namespace zenith::actors
