#include "zenith/links/follower.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "fake_hub.hpp"
#include "members.hpp"
#include "zenith/actors/directory.hpp"
#include "zenith/actors/system.hpp"

namespace zenith::links {
namespace {

using namespace std::chrono_literals;
using messages::Health;
using messages::Member;
using testing::ElementsAre;

struct Followers : testing::Test {
  Followers() {
    directory->set(system.spawn_as<actors::DirectoryMessage>("directory", actors::make_directory(board)));
    follower = system.spawn_as<ViewChanged>("follower", make_follower({&hub, &system, 1, directory}));
  }
  ~Followers() override { system.stop(); }

  void see(std::vector<Member> members) {
    messages::View view;
    view.members = std::move(members);
    follower.send({std::make_shared<const messages::View>(std::move(view)), true, {}});
    system.settle();
  }
  LinkId answer(std::size_t dial, std::uint64_t epoch) {
    const LinkId link = hub.answer(dial, epoch);
    system.settle();
    return link;
  }
  void lose(std::size_t dial, LinkId link) {
    hub.lose(dial, link);
    system.settle();
    clock.advance(1s);
    system.settle();
  }
  std::vector<std::pair<std::string, Health>> lines() const {
    std::vector<std::pair<std::string, Health>> all;
    for (const auto& service : board->view()->services) all.emplace_back(service.status.id, service.status.health);
    return all;
  }

  FakeClock clock;
  FakeHub hub;
  std::shared_ptr<actors::Board> board = std::make_shared<actors::Board>(std::map<std::string, std::string>{});
  std::shared_ptr<actors::SharedRef<actors::DirectoryMessage>> directory =
      std::make_shared<actors::SharedRef<actors::DirectoryMessage>>();
  actors::System system{clock, {.deterministic = true}};
  actors::Ref<ViewChanged> follower;
};

Member with_key(Member member, std::string key) {
  member.server_key = std::move(key);
  return member;
}
Member at(Member member, std::string endpoint) {
  member.endpoint = std::move(endpoint);
  return member;
}
Member without_contact(Member member) {
  member.contact = false;
  return member;
}

TEST_F(Followers, a_service_with_a_new_key_is_dialled_with_it) {
  see({with_key(member("text-1", 2), "old")});
  see({with_key(member("text-1", 3), "new")});
  ASSERT_EQ(hub.dials.size(), 2u);
  EXPECT_TRUE(hub.dials[0].hung_up);
  EXPECT_EQ(hub.dials[1].server_key, "new");
  answer(1, 3);
  EXPECT_THAT(lines(), ElementsAre(std::pair{"text-1", Health::ready}));
}

TEST_F(Followers, a_link_that_is_up_stays_and_the_next_dial_takes_the_new_key) {
  see({with_key(member("text-1", 2), "old")});
  const LinkId link = answer(0, 2);
  see({with_key(member("text-1", 3), "new")});
  EXPECT_EQ(hub.dials.size(), 1u);
  lose(0, link);
  ASSERT_EQ(hub.dials.size(), 2u);
  EXPECT_EQ(hub.dials[1].server_key, "new");
}

TEST_F(Followers, the_key_of_one_that_the_directory_has_lost_counts_less) {
  see({with_key(without_contact(at(member("text-0", 2), "fake://e")), "old"),
       with_key(at(member("text-1", 3), "fake://e"), "new")});
  ASSERT_EQ(hub.dials.size(), 1u);
  EXPECT_EQ(hub.dials[0].server_key, "new");
}

TEST_F(Followers, what_a_replaced_dial_still_says_is_not_heard) {
  see({with_key(member("text-1", 2), "old")});
  hub.answer(0, 2);
  see({with_key(member("text-1", 2), "new")});  // the answer and the new key cross
  EXPECT_THAT(lines(), ElementsAre(std::pair{"text-1", Health::loading}));
}

TEST_F(Followers, an_unlisted_service_is_used_until_its_link_ends_and_no_longer) {
  see({member("text-1", 2)});
  const LinkId link = answer(0, 2);
  see({});
  EXPECT_THAT(lines(), ElementsAre(std::pair{"text-1", Health::ready}));
  lose(0, link);
  EXPECT_THAT(lines(), ElementsAre());
  EXPECT_EQ(hub.dials.size(), 1u);
}

TEST_F(Followers, an_unlisted_process_whose_services_are_elsewhere_is_dropped) {
  see({at(member("text-1", 2), "fake://a")});
  answer(0, 2);
  see({at(member("text-1", 3), "fake://b")});
  EXPECT_THAT(hub.open_endpoints(), ElementsAre("fake://b"));
  answer(1, 3);
  EXPECT_THAT(lines(), ElementsAre(std::pair{"text-1", Health::ready}));
}

TEST_F(Followers, a_service_that_moves_between_listed_processes_stays_known) {
  for (const auto& [from, to] : {std::pair{"fake://a", "fake://b"}, std::pair{"fake://b", "fake://a"}}) {
    see({at(member("text-1", 2), from), at(member("text-2", 2), from), at(member("text-3", 3), to)});
    see({at(member("text-1", 3), to), at(member("text-2", 2), from), at(member("text-3", 3), to)});
    EXPECT_EQ(lines().size(), 3u) << from;
    see({});
    EXPECT_TRUE(lines().empty());
  }
}

TEST_F(Followers, at_most_128_processes_are_dialled_and_the_others_when_there_is_room) {
  std::vector<Member> many;
  for (std::uint64_t i = 0; i < 200; ++i) many.push_back(member(fmt::format("text-{}", i), 2 + i));
  see(many);
  EXPECT_EQ(hub.open_endpoints().size(), 128u);
  EXPECT_EQ(lines().size(), 128u);
  many.resize(100);
  see(many);
  EXPECT_EQ(hub.open_endpoints().size(), 100u);
  EXPECT_EQ(lines().size(), 100u);
}

TEST_F(Followers, a_process_that_was_left_out_is_dialled_when_another_has_gone) {
  std::vector<Member> many;
  for (std::uint64_t i = 0; i < 128; ++i) many.push_back(member(fmt::format("text-{}", i), 2 + i));
  see(many);
  const LinkId link = answer(0, 2);
  const std::string gone = hub.dials[0].endpoint;
  std::erase_if(many, [&](const Member& m) { return m.endpoint == gone; });
  many.push_back(member("late", 500));
  see(many);
  EXPECT_EQ(hub.dials.size(), 128u);
  lose(0, link);
  EXPECT_EQ(hub.dials.back().endpoint, "fake://late");
}

}  // namespace
}  // namespace zenith::links
