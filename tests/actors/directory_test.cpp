#include "zenith/actors/directory.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace zenith::actors {
namespace {

using messages::Health;
using messages::Role;

messages::ModelEntry model(std::string name) {
  messages::ModelEntry m;
  m.name = std::move(name);
  return m;
}

struct DirectoryTest : testing::Test {
  DirectoryState state{[] {
    DirectoryView v;
    v.aliases = {{"gpt-4o-mini", "small"},
                 {"chain", "gpt-4o-mini"},
                 {"ring-a", "ring-b"},
                 {"ring-b", "ring-a"},
                 {"lost", "nowhere"}};
    return v;
  }()};
  void announce(const std::string& id, const std::string& name, Health health) {
    state.on(Announce{{Role::text, id, health, name, "says why"}, model(name)});
  }
};

TEST_F(DirectoryTest, aliases_are_followed_and_a_ring_ends) {
  EXPECT_EQ(state.view().resolve("small"), "small");
  EXPECT_EQ(state.view().resolve("gpt-4o-mini"), "small");
  EXPECT_EQ(state.view().resolve("chain"), "small");
  EXPECT_EQ(state.view().resolve("ring-a"), "ring-a");
}

TEST_F(DirectoryTest, the_snapshot_lists_models_and_those_aliases_that_mean_one) {
  announce("text-0", "small", Health::ready);
  announce("text-1", "small", Health::ready);
  const auto snapshot = snapshot_of(state.view());
  ASSERT_EQ(snapshot.services.size(), 2u);
  ASSERT_EQ(snapshot.models.size(), 3u);
  EXPECT_EQ(snapshot.models[0].name, "small");
  EXPECT_EQ(snapshot.models[1].name, "chain");
  EXPECT_EQ(snapshot.models[1].alias_of, "small");
}

TEST(OnDemand, services_do_not_count_for_the_whole_and_keep_their_model_while_they_start) {
  DirectoryView start;
  start.on_demand = {"voice"};
  DirectoryState state{start};
  state.on(Announce{{Role::voice, "voice", Health::ready, "piper", "idle"}, model("piper")});
  EXPECT_EQ(snapshot_of(state.view()).overall, Health::failed) << "nobody else is there";
  state.on(Announce{{Role::text, "text", Health::ready, "small", {}}, model("small")});
  state.on(Announce{{Role::voice, "voice", Health::loading, "piper", "loading"}, {}});
  const auto snapshot = snapshot_of(state.view());
  EXPECT_EQ(snapshot.overall, Health::ready);
  ASSERT_EQ(snapshot.models.size(), 2u);
  EXPECT_EQ(snapshot.models.front().name, "piper");
  EXPECT_EQ(snapshot.services.front().health, Health::loading);
}

struct OverallCase {
  const char* name;
  std::vector<Health> services;
  bool draining;
  Health want;
};
class Overall : public testing::TestWithParam<OverallCase> {};

TEST_P(Overall, is_what_readyz_says) {
  DirectoryState state{DirectoryView{}};
  int i = 0;
  for (const Health h : GetParam().services) {
    state.on(Announce{{Role::text, "s" + std::to_string(i), h, "m" + std::to_string(i), {}}, {}});
    ++i;
  }
  if (GetParam().draining) state.on(StartDraining{});
  EXPECT_EQ(snapshot_of(state.view()).overall, GetParam().want);
}

INSTANTIATE_TEST_SUITE_P(
    directory, Overall,
    testing::Values(OverallCase{"nothing_yet", {}, false, Health::loading},
                    OverallCase{"one_loads", {Health::ready, Health::loading}, false, Health::loading},
                    OverallCase{"all_ready", {Health::ready, Health::ready}, false, Health::ready},
                    OverallCase{"one_failed", {Health::ready, Health::failed}, false, Health::ready},
                    OverallCase{"all_failed", {Health::failed}, false, Health::failed},
                    OverallCase{"draining", {Health::ready}, true, Health::draining}),
    [](const auto& i) { return std::string{i.param.name}; });

TEST(directory, a_replica_that_loads_or_failed_takes_no_readiness_away) {
  DirectoryState state{DirectoryView{}};
  state.on(Announce{{Role::text, "a", Health::ready, "m", {}}, {}});
  state.on(Announce{{Role::text, "b", Health::loading, "m", {}}, {}});
  EXPECT_EQ(snapshot_of(state.view()).overall, Health::ready);
  state.on(Report{"a", Health::failed, "gone", {}, {}});
  EXPECT_EQ(snapshot_of(state.view()).overall, Health::loading);
  state.on(Forget{"b"});
  EXPECT_EQ(snapshot_of(state.view()).overall, Health::failed);
}

TEST_F(DirectoryTest, a_report_changes_a_known_service_and_refuses_an_unknown_one) {
  announce("text-0", "small", Health::loading);
  ASSERT_TRUE(state.on(Report{"text-0", Health::failed, "the file is truncated", {}, {}}));
  EXPECT_EQ(state.view().services[0].status.health, Health::failed);
  EXPECT_EQ(state.view().services[0].status.detail, "the file is truncated");
  EXPECT_EQ(state.on(Report{"text-9", Health::ready, {}, {}, {}}).error().code, Errc::not_found);
}

TEST(board, whoever_waits_wakes_at_the_view_that_is_enough) {
  Board board({});
  std::thread publisher([&] {
    DirectoryView v;
    v.draining = true;
    board.publish(v);
  });
  EXPECT_TRUE(board.wait([](const DirectoryView& v) { return v.draining; }, std::chrono::seconds(30)));
  publisher.join();
  EXPECT_FALSE(board.wait([](const DirectoryView& v) { return !v.draining; }, std::chrono::nanoseconds(0)));
}

}  // namespace
}  // namespace zenith::actors
