#include "zenith/links/registry.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "members.hpp"

namespace zenith::links {
namespace {

using namespace std::chrono_literals;
using messages::Health;
using messages::Member;
using testing::HasSubstr;

struct RegistryTest : testing::Test {
  explicit RegistryTest(RegistryOptions options = {.epoch = 1}) : registry(std::move(options)) {}

  Status say(Source source, std::vector<Member> members) { return registry.announce(source, {std::move(members)}); }
  const Member& see(const std::string& id) {
    for (const Member& one : registry.view().members) {
      if (one.status.id == id) return one;
    }
    ADD_FAILURE() << id << " is not listed";
    static const Member none;
    return none;
  }
  Health health(const std::string& id) { return see(id).status.health; }

  Registry registry;
  Instant now{};
};

// ---- what was withdrawn

TEST_F(RegistryTest, what_is_withdrawn_is_not_kept_without_contact) {
  ASSERT_TRUE(say({1, 2}, {member("sensor-1:a.x", 2, 7), member("sensor-10:b.x", 2, 8)}));
  registry.withdraw("sensor-1");
  EXPECT_EQ(health("sensor-1:a.x"), Health::ready) << "its process is not known to have ended";
  registry.lost(1, "killed", now);
  ASSERT_EQ(registry.view().members.size(), 1U);
  EXPECT_EQ(health("sensor-10:b.x"), Health::failed);
  registry.withdraw("sensor-10");
  EXPECT_TRUE(registry.view().members.empty());
}

// ---- weights and numerics

TEST_F(RegistryTest, a_service_refused_for_other_weights_is_ready_when_the_first_is_lost) {
  ASSERT_TRUE(say({1, 2}, {member("text-1", 2, 7)}));
  ASSERT_TRUE(say({2, 3}, {member("text-2", 3, 8)}));
  EXPECT_EQ(health("text-1"), Health::ready);
  EXPECT_EQ(health("text-2"), Health::failed);
  EXPECT_THAT(see("text-2").status.detail, HasSubstr("other weights of 'm' than service 'text-1'"));
  registry.lost(1, "gone", now);
  EXPECT_EQ(health("text-1"), Health::failed);
  EXPECT_EQ(health("text-2"), Health::ready);
  EXPECT_EQ(see("text-2").status.detail, "");
}

TEST_F(RegistryTest, the_first_stays_ready_when_the_refused_one_is_lost) {
  ASSERT_TRUE(say({1, 2}, {member("text-1", 2, 7)}));
  ASSERT_TRUE(say({2, 3}, {member("text-2", 3, 8)}));
  registry.lost(2, "gone", now);
  EXPECT_EQ(health("text-1"), Health::ready);
  EXPECT_EQ(health("text-2"), Health::failed);
}

TEST_F(RegistryTest, other_numerics_are_refused_until_the_first_is_gone) {
  ASSERT_TRUE(say({1, 2}, {member("text-1", 2, 7, "avx2")}));
  ASSERT_TRUE(say({2, 3}, {member("text-2", 3, 7, "avx512")}));
  EXPECT_THAT(see("text-2").status.detail, HasSubstr("allow_mixed_numerics"));
  ASSERT_TRUE(say({1, 2}, {}));
  EXPECT_EQ(health("text-2"), Health::ready);
}

TEST_F(RegistryTest, whoever_comes_back_with_other_weights_is_the_later_one) {
  ASSERT_TRUE(say({1, 2}, {member("text-1", 2, 7)}));
  ASSERT_TRUE(say({2, 3}, {member("text-2", 3, 7)}));
  registry.lost(1, "gone", now);
  ASSERT_TRUE(say({3, 4}, {member("text-1", 4, 8)}));
  EXPECT_EQ(health("text-1"), Health::failed);
  EXPECT_EQ(health("text-2"), Health::ready);
}

TEST_F(RegistryTest, weights_count_from_when_they_are_loaded) {
  Member loading = member("text-1", 2);
  loading.model.reset();
  loading.status.health = Health::loading;
  ASSERT_TRUE(say({1, 2}, {loading}));
  ASSERT_TRUE(say({2, 3}, {member("text-2", 3, 7)}));
  ASSERT_TRUE(say({1, 2}, {member("text-1", 2, 8)}));
  EXPECT_EQ(health("text-1"), Health::failed);
  EXPECT_EQ(health("text-2"), Health::ready);
}

TEST_F(RegistryTest, news_of_load_and_health_keep_a_services_place) {
  ASSERT_TRUE(say({1, 2}, {member("text-1", 2, 7)}));
  ASSERT_TRUE(say({2, 3}, {member("text-2", 3, 8)}));
  Member draining = member("text-1", 2, 7);
  draining.status.health = Health::draining;
  ASSERT_TRUE(say({1, 2}, {draining}));
  EXPECT_EQ(health("text-1"), Health::draining);
  EXPECT_EQ(health("text-2"), Health::failed);
}

TEST_F(RegistryTest, a_lost_service_is_listed_with_its_model_only_when_others_may_go_on_with_it) {
  ASSERT_TRUE(say({1, 2}, {member("text-1", 2, 7)}));
  ASSERT_TRUE(say({2, 3}, {member("text-2", 3, 8)}));
  registry.lost(2, "gone", now);
  EXPECT_FALSE(see("text-2").model);
  registry.lost(1, "gone", now);
  EXPECT_TRUE(see("text-1").model);
  ASSERT_TRUE(say({3, 4}, {member("text-3", 4, 9)}));
  EXPECT_FALSE(see("text-1").model);
}

// ---- who owns what

TEST_F(RegistryTest, another_process_cannot_take_over_what_lives) {
  ASSERT_TRUE(say({1, 2}, {member("text-1", 2)}));
  const auto taken = say({2, 3}, {member("text-1", 3), member("text-2", 3)});
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, Errc::invalid_argument);
  EXPECT_THAT(taken.error().message, HasSubstr("'text-1' is in use by the process at fake://text-1"));
  EXPECT_EQ(see("text-1").epoch, 2u);
  EXPECT_EQ(health("text-2"), Health::ready);
}

TEST_F(RegistryTest, a_successor_takes_over_when_its_predecessors_link_is_down) {
  ASSERT_TRUE(say({1, 2}, {member("text-1", 2)}));
  EXPECT_FALSE(say({2, 3}, {member("text-1", 3)}));
  registry.lost(1, "gone", now);
  ASSERT_TRUE(say({2, 3}, {member("text-1", 3)}));
  EXPECT_EQ(see("text-1").epoch, 3u);
  EXPECT_EQ(health("text-1"), Health::ready);
  registry.lost(1, "gone again", now);
  EXPECT_EQ(health("text-1"), Health::ready);
}

TEST_F(RegistryTest, a_process_that_comes_back_on_a_new_link_keeps_its_services) {
  ASSERT_TRUE(say({1, 2}, {member("text-1", 2)}));
  ASSERT_TRUE(say({2, 2}, {member("text-1", 2)}));
  registry.lost(1, "gone", now);
  EXPECT_EQ(health("text-1"), Health::ready);
}

TEST_F(RegistryTest, the_directorys_own_services_belong_to_no_link) {
  ASSERT_TRUE(say({0, 1}, {member("text-1", 1)}));
  EXPECT_FALSE(say({1, 1}, {member("text-1", 1)}));
  EXPECT_FALSE(say({1, 2}, {member("text-1", 2)}));
}

TEST_F(RegistryTest, an_endpoint_belongs_to_one_process) {
  ASSERT_TRUE(say({1, 2}, {member("text-1", 2)}));
  Member other = member("text-2", 3);
  other.endpoint = "fake://text-1";
  const auto taken = say({2, 3}, {other});
  ASSERT_FALSE(taken);
  EXPECT_THAT(taken.error().message, HasSubstr("fake://text-1 of service 'text-2' is in use by service 'text-1'"));
}

TEST_F(RegistryTest, a_member_of_another_process_is_refused) {
  const auto foreign = say({1, 2}, {member("text-1", 3)});
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().param, "epoch");
  EXPECT_TRUE(registry.view().members.empty());
}

// ---- bounds

TEST_F(RegistryTest, an_announcement_has_64_members_at_most) {
  std::vector<Member> members;
  for (int i = 0; i < 64; ++i) members.push_back(member(fmt::format("text-{}", i), 2));
  ASSERT_TRUE(say({1, 2}, members));
  members.push_back(member("one-more", 2));
  const auto refused = say({1, 2}, members);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("65 services in one announcement, the limit is 64"));
  EXPECT_EQ(registry.view().members.size(), 64u);
}

TEST_F(RegistryTest, a_member_has_4096_bytes_of_text_at_most) {
  Member big = member("text-1", 2);
  big.status.detail = std::string(4097, 'x');
  EXPECT_THAT(say({1, 2}, {big}).error().message, HasSubstr("the limit is 4096"));
  big.status.detail.clear();
  big.model->input_modalities.assign(200, "");
  EXPECT_FALSE(say({1, 2}, {big}));
  EXPECT_TRUE(registry.view().members.empty());
}

struct SmallRegistry : RegistryTest {
  SmallRegistry() : RegistryTest({.epoch = 1, .services = 3}) {}
};

TEST_F(SmallRegistry, beyond_its_limit_a_service_is_refused_and_lost_ones_make_room) {
  ASSERT_TRUE(say({1, 2}, {member("text-1", 2), member("text-2", 2)}));
  const auto refused = say({2, 3}, {member("text-3", 3), member("text-4", 3)});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::overloaded);
  EXPECT_GT(refused.error().retry_after, 0ms);
  EXPECT_THAT(refused.error().message, HasSubstr("'text-4' finds no place: the directory lists 3 services"));
  registry.lost(1, "gone", now);
  ASSERT_TRUE(say({2, 3}, {member("text-3", 3), member("text-4", 3)}));
  EXPECT_EQ(registry.view().members.size(), 3u);
  EXPECT_EQ(health("text-4"), Health::ready);
}

}  // namespace
}  // namespace zenith::links
