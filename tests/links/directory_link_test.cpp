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

}  // namespace
}  // namespace zenith::links
