// What one peer must not do to a listener, and what a listener forgives: HubCore alone, on virtual time.
#include <gtest/gtest.h>

#include "zenith/links/codec.hpp"
#include "zenith/links/hub_core.hpp"

namespace zenith::links {
namespace {

using namespace std::chrono_literals;
using wire::Kind;

constexpr HubCore::Conn kListener = 7;
constexpr std::uint64_t kPeerEpoch = 99;

struct LimitsTest : testing::Test {
  LimitsTest() { core.listen(kListener, "ipc:///run/zenith/text.sock", {}); }

  /// A message of the peer, in order.
  wire::Message say(Kind kind, std::uint64_t id, std::size_t bytes = 1) {
    wire::Message message;
    message.header.kind = kind;
    message.header.epoch = kPeerEpoch;
    message.header.session = 1;
    message.header.sequence = next++;
    message.header.request_id = id;
    message.header.attempt = 1;
    message.body = Buffer::of(std::vector<std::byte>(bytes));
    return message;
  }
  void hello(Peer peer) {
    wire::Message message;
    message.header.kind = Kind::hello;
    message.header.epoch = kPeerEpoch;
    message.header.session = 1;
    message.body = encode_hello(peer);
    core.on_frames(kListener, "peer", std::move(message));
  }
  void begin() {
    hello({kPeerEpoch, "gateway@host", "0", "n"});
    ASSERT_EQ(core.status().size(), 1u);
    static_cast<void>(core.take_deliveries());
  }
  void send(Kind kind, std::uint64_t id, std::size_t bytes = 1) {
    core.on_frames(kListener, "peer", say(kind, id, bytes));
  }
  std::size_t received() {
    std::size_t count = 0;
    for (const auto& delivery : core.take_deliveries()) count += std::holds_alternative<Received>(delivery.message);
    return count;
  }
  bool lost() const { return core.status().empty(); }
  std::string reason() {
    for (const auto& delivery : core.take_deliveries()) {
      if (const auto* down = std::get_if<LinkDown>(&delivery.message)) return down->why.message;
    }
    return "";
  }

  FakeClock clock;
  LinkLimits limits{.credit_kib = 64, .credit_requests = 4, .unhandled = 100, .unhandled_kib = 200};
  HubCore core{{1, "text-1", "0", "n"}, {}, limits, clock};
  std::uint32_t next = 0;
};

TEST_F(LimitsTest, as_many_requests_as_were_granted_and_no_more) {
  begin();
  for (std::uint64_t id = 1; id <= 4; ++id) send(Kind::request, id);
  EXPECT_EQ(received(), 4u);
  send(Kind::cancel, 2);
  send(Kind::request, 5);
  EXPECT_FALSE(lost()) << "a cancel gives its credit back";
  static_cast<void>(core.take_deliveries());
  send(Kind::request, 6);
  EXPECT_TRUE(lost());
  EXPECT_NE(reason().find("more requests than it has credit for"), std::string::npos);
}

TEST_F(LimitsTest, a_request_larger_than_the_window_goes_alone) {
  begin();
  send(Kind::request, 1, 100u << 10);
  EXPECT_FALSE(lost());
  send(Kind::request, 2);
  EXPECT_TRUE(lost());
}

TEST_F(LimitsTest, what_the_owner_has_not_handled_is_bounded_in_bytes) {
  begin();
  std::vector<HubCore::Delivery> mailbox;
  for (std::uint64_t id = 1; !lost() && id < 100; ++id) {
    send(Kind::request, id, 50u << 10);
    send(Kind::cancel, id);  // the credit is back, the body waits
    for (auto& delivery : core.take_deliveries()) mailbox.push_back(std::move(delivery));
  }
  EXPECT_TRUE(lost());
  EXPECT_LE(mailbox.size(), 9u);
}

TEST_F(LimitsTest, what_the_owner_has_not_handled_is_bounded_in_number_and_handling_frees_it) {
  begin();
  std::vector<HubCore::Delivery> mailbox;
  for (int i = 0; i < 300; ++i) {
    send(Kind::cancel, 1);
    core.take_deliveries();  // handled
  }
  EXPECT_FALSE(lost());
  for (int i = 0; !lost() && i < 300; ++i) {
    send(Kind::cancel, 1);
    for (auto& delivery : core.take_deliveries()) mailbox.push_back(std::move(delivery));
  }
  EXPECT_TRUE(lost());
}

TEST_F(LimitsTest, one_ping_is_open_at_a_time) {
  begin();
  send(Kind::ping, 1);
  send(Kind::ping, 2);
  EXPECT_EQ(received(), 1u);
  const LinkId link = core.status().front().link;
  wire::Message pong;
  pong.header.kind = Kind::pong;
  ASSERT_TRUE(core.send(link, std::move(pong)));
  send(Kind::ping, 3);
  EXPECT_EQ(received(), 1u);
}

TEST_F(LimitsTest, a_hello_of_any_size_is_not_read) {
  hello({kPeerEpoch, std::string(1u << 20, 'x'), "0", "n"});
  EXPECT_TRUE(lost());
  hello({kPeerEpoch, "small", "0", "n"});
  EXPECT_FALSE(lost());
}

TEST_F(LimitsTest, a_busy_client_is_given_up_later_than_it_would_give_up) {
  begin();
  send(Kind::request, 1);
  clock.advance(LinkTiming{}.lost_after + 500ms);
  core.on_wake();
  EXPECT_FALSE(lost());
  clock.advance(1s);
  core.on_wake();
  EXPECT_TRUE(lost());
}

}  // namespace
}  // namespace zenith::links
