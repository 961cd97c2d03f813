#include "zenith/links/directory_link.hpp"

#include <gmock/gmock.h>

#include "fake_hub.hpp"
#include "members.hpp"
#include "zenith/actors/system.hpp"
#include "zenith/links/codec.hpp"

namespace zenith::links {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

struct Directory : testing::Test {
  Directory() {
    DirectoryDoorSetup setup;
    setup.hub = &hub;
    setup.registry.epoch = 1;
    setup.follow = [this](const ViewChanged& change) { views.push_back(change.view); };
    door = system.spawn("directory door", make_directory_door(std::move(setup)));
    system.settle();
  }
  ~Directory() override { system.stop(); }

  void wait(Duration time) {
    clock.advance(time);
    system.settle();
  }
  void say(LinkId link, messages::Member one) {
    actors::Ref<LinkMessage>{door}.send(Received{link, announcement_to_wire({{std::move(one)}})});
    system.settle();
  }

  FakeClock clock;
  FakeHub hub;
  std::vector<std::shared_ptr<const messages::View>> views;
  actors::System system{clock, {.deterministic = true}};
  actors::Address door;
};

TEST_F(Directory, news_every_10_ms_are_published_every_20_ms) {
  for (int i = 0; i < 100; ++i) {
    actors::Ref<LocalMembers>{door}.send({{{member("text-1", 1)}}});
    system.settle();
    wait(10ms);
  }
  EXPECT_GE(views.size(), 45u);
  EXPECT_LE(views.size(), 50u);
}

TEST_F(Directory, a_service_that_is_lost_is_forgotten_though_nothing_else_happens) {
  const LinkId link = hub.come(2);
  say(link, member("text-1", 2));
  wait(20ms);
  ASSERT_EQ(views.back()->members.size(), 1u);
  hub.listener.send(LinkDown{link, ListenerId{1}, {Errc::unavailable, "gone", {}, {}}});
  for (int i = 0; i < 10; ++i) wait(15s);
  EXPECT_TRUE(views.back()->members.empty());
}

TEST_F(Directory, a_peer_announces_services_of_its_own_process_only) {
  const LinkId link = hub.come(2);
  say(link, member("text-1", 3));
  ASSERT_EQ(hub.resets.size(), 1u);
  EXPECT_EQ(hub.resets[0].first, link);
  EXPECT_THAT(hub.resets[0].second.message, HasSubstr("'text-1'"));
  wait(20ms);
  EXPECT_TRUE(views.empty());
}

struct Client : testing::Test {
  Client() {
    client = system.spawn("directory client", make_directory_client({&hub, "fake://directory", {}, {}}));
    system.settle();
  }
  ~Client() override { system.stop(); }

  void have(std::vector<messages::Member> members) {
    actors::Ref<LocalMembers>{client}.send({{std::move(members)}});
    system.settle();
  }
  LinkId answer() {
    const LinkId link = hub.answer(0, 9);
    system.settle();
    return link;
  }
  /// How many members each announcement so far had.
  std::vector<std::size_t> said() const {
    std::vector<std::size_t> out;
    for (const auto& [link, message] : hub.sent) out.push_back(announcement_from_wire(message)->members.size());
    return out;
  }

  FakeClock clock;
  FakeHub hub;
  actors::System system{clock, {.deterministic = true}};
  actors::Address client;
};

TEST_F(Client, nothing_is_said_where_something_was_and_only_there) {
  have({});
  answer();
  EXPECT_THAT(said(), testing::IsEmpty()) << "a process that serves nothing has nothing to say";
  have({member("text-1", 2)});
  have({});
  have({});
  EXPECT_THAT(said(), testing::ElementsAre(1, 0)) << "what was listed is taken back, once";
}

TEST_F(Client, a_new_link_knows_nothing_of_what_the_old_one_was_told) {
  have({member("text-1", 2)});
  const LinkId link = answer();
  hub.lose(0, link);
  system.settle();
  have({});
  answer();
  EXPECT_THAT(said(), testing::ElementsAre(1));
}

}  // namespace
}  // namespace zenith::links
