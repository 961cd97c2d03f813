#include "zenith/links/remote_process.hpp"

#include <gmock/gmock.h>

#include "fake_hub.hpp"
#include "zenith/actors/system.hpp"

namespace zenith::links {
namespace {

class Watcher final : public actors::Actor<int> {
 public:
  Watcher(actors::Address watched, std::vector<actors::Down>& seen) : watched_(std::move(watched)), seen_(seen) {}
  void on_start(actors::Context& self) override { self.watch(watched_); }
  void on(int, actors::Context&) override {}
  void on_down(const actors::Down& down, actors::Context&) override { seen_.push_back(down); }

 private:
  actors::Address watched_;
  std::vector<actors::Down>& seen_;
};

struct RemoteProcesses : testing::Test {
  ~RemoteProcesses() override { system.stop(); }

  /// How a process ends for who watches it, whose link ends for this reason.
  actors::Down end_of(Error why, bool leaving = false) {
    RemoteSetup setup;
    setup.endpoint = "fake://there";
    setup.hub = &hub;
    setup.leaving = [leaving] { return leaving; };
    std::vector<actors::Down> seen;
    const auto process = system.spawn("remote", make_remote_process(setup));
    system.spawn("watcher", std::make_unique<Watcher>(process, seen));
    system.settle();
    const std::size_t dial = hub.dials.size() - 1;
    const LinkId link = hub.answer(dial, 2);
    hub.dials[dial].owner.send(LinkDown{link, DialId{dial + 1}, std::move(why)});
    system.settle();
    EXPECT_EQ(seen.size(), 1U);
    return seen.empty() ? actors::Down{} : seen.front();
  }

  FakeClock clock;
  FakeHub hub;
  actors::System system{clock, {.deterministic = true}};
};

TEST_F(RemoteProcesses, a_link_that_breaks_is_a_failure_and_a_goodbye_is_none) {
  const auto lost = end_of({Errc::unavailable, "it fell silent", {}, {}});
  EXPECT_TRUE(lost.failed);
  EXPECT_EQ(lost.reason, "it fell silent");
  EXPECT_FALSE(end_of({Errc::draining, "the listener was closed", {}, {}}).failed);
}

TEST_F(RemoteProcesses, nothing_that_ends_with_this_process_is_a_failure) {
  EXPECT_FALSE(end_of({Errc::unavailable, "the connection ended", {}, {}}, true).failed);
}

}  // namespace
}  // namespace zenith::links
