#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <fstream>

#include "socket_fixture.hpp"

namespace zenith::wire::test {
namespace {
using namespace std::chrono_literals;
using testing::HasSubstr;

TEST(sockets, a_message_goes_there_and_back_over_ipc) {
  TemporaryFolder folder;
  Side server, client;
  const auto listener = server.sockets->listen(folder.ipc("a.sock"));
  ASSERT_TRUE(listener) << listener.error().message;
  const auto dialler = client.sockets->dial(folder.ipc("a.sock"), "");
  ASSERT_TRUE(until([&] { return client.heard.connected.size() == 1; }, 5s, client, server));
  ASSERT_TRUE(client.sockets->send(*dialler, "", std::vector{bytes(3, 'a'), bytes(100'000, 'b')}));
  ASSERT_TRUE(until([&] { return server.heard.messages.size() == 1; }, 5s, client, server));
  const auto& got = server.heard.messages[0];
  ASSERT_TRUE(got.frames);
  ASSERT_EQ(got.frames->size(), 2u);
  EXPECT_EQ(text((*got.frames)[0]), "aaa");
  EXPECT_EQ((*got.frames)[1].size(), 100'000u);
  EXPECT_FALSE(got.route.empty());
  ASSERT_TRUE(server.sockets->send(*listener, got.route, *got.frames));
  ASSERT_TRUE(until([&] { return client.heard.messages.size() == 1; }, 5s, client, server));
  EXPECT_EQ(client.heard.messages[0].route, "");
}

TEST(sockets, a_large_frame_is_sent_without_a_copy_and_its_owner_let_go) {
  TemporaryFolder folder;
  Side server, client;
  ASSERT_TRUE(server.sockets->listen(folder.ipc("a.sock")));
  const auto dialler = client.sockets->dial(folder.ipc("a.sock"), "");
  ASSERT_TRUE(until([&] { return client.heard.connected.size() == 1; }, 5s, client, server));
  auto owner = std::make_shared<std::vector<std::byte>>(1 << 20);
  const std::weak_ptr<std::vector<std::byte>> watch = owner;
  Buffer frame{owner, *owner};
  owner.reset();
  ASSERT_TRUE(client.sockets->send(*dialler, "", std::vector{std::move(frame)}));
  ASSERT_TRUE(until([&] { return server.heard.messages.size() == 1 && watch.expired(); }, 5s, client, server));
}

TEST(sockets, a_dial_to_nobody_sends_nothing_and_connects_when_somebody_comes) {
  TemporaryFolder folder;
  Side server, client;
  const auto dialler = client.sockets->dial(folder.ipc("a.sock"), "");
  const auto refused = client.sockets->send(*dialler, "", std::vector{bytes(3)});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::unavailable);
  EXPECT_FALSE(until([&] { return !client.heard.connected.empty(); }, 50ms, client));
  ASSERT_TRUE(server.sockets->listen(folder.ipc("a.sock")));
  EXPECT_TRUE(until([&] { return client.heard.connected.size() == 1; }, 5s, client, server));
}

TEST(sockets, a_message_to_a_peer_that_is_not_there_is_refused) {
  TemporaryFolder folder;
  Side server;
  const auto listener = server.sockets->listen(folder.ipc("a.sock"));
  const auto sent = server.sockets->send(*listener, "nobody", std::vector{bytes(3)});
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, Errc::unavailable);
}

TEST(sockets, a_peer_that_leaves_is_told_with_its_route) {
  TemporaryFolder folder;
  Side server;
  ASSERT_TRUE(server.sockets->listen(folder.ipc("a.sock")));
  {
    Side client;
    const auto dialler = client.sockets->dial(folder.ipc("a.sock"), "");
    ASSERT_TRUE(until([&] { return client.heard.connected.size() == 1; }, 5s, client, server));
    ASSERT_TRUE(client.sockets->send(*dialler, "", std::vector{bytes(3)}));
    ASSERT_TRUE(until([&] { return server.heard.messages.size() == 1; }, 5s, client, server));
  }
  ASSERT_TRUE(until([&] { return server.heard.gone.size() == 1; }, 5s, server));
  EXPECT_EQ(server.heard.gone[0], server.heard.messages[0].route);
}

TEST(sockets, ten_frames_too_many_are_dropped_and_the_next_message_is_read) {
  TemporaryFolder folder;
  Side server, client;
  ASSERT_TRUE(server.sockets->listen(folder.ipc("a.sock")));
  const auto dialler = client.sockets->dial(folder.ipc("a.sock"), "");
  ASSERT_TRUE(until([&] { return client.heard.connected.size() == 1; }, 5s, client, server));
  ASSERT_TRUE(client.sockets->send(*dialler, "", std::vector<Buffer>(kMaxFrames + 10, bytes(3))));
  ASSERT_TRUE(client.sockets->send(*dialler, "", std::vector{bytes(4)}));
  ASSERT_TRUE(until([&] { return server.heard.messages.size() == 2; }, 5s, client, server));
  ASSERT_FALSE(server.heard.messages[0].frames);
  EXPECT_EQ(server.heard.messages[0].frames.error().code, Errc::bad_frame);
  ASSERT_TRUE(server.heard.messages[1].frames);
  EXPECT_EQ(server.heard.messages[1].frames->front().size(), 4u);
  EXPECT_EQ(server.sockets->counters().oversized, 1u);
}

TEST(sockets, a_frame_over_the_limit_is_refused_by_the_sender_and_cuts_a_peer_that_sends_it_all_the_same) {
  TemporaryFolder folder;
  SocketOptions small;
  small.ipc_frame_bytes = 1 << 16;
  Side server{small}, honest{small}, other;
  ASSERT_TRUE(server.sockets->listen(folder.ipc("a.sock")));
  const auto dialler = honest.sockets->dial(folder.ipc("a.sock"), "");
  const auto wild = other.sockets->dial(folder.ipc("a.sock"), "");
  ASSERT_TRUE(until([&] { return honest.heard.connected.size() + other.heard.connected.size() == 2; }, 5s, honest,
                    other, server));
  const auto refused = honest.sockets->send(*dialler, "", std::vector{bytes((1 << 16) + 1)});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::payload_too_large);
  ASSERT_TRUE(other.sockets->send(*wild, "", std::vector{bytes((1 << 16) + 1)}));
  ASSERT_TRUE(until([&] { return !other.heard.disconnected.empty(); }, 5s, honest, other, server));
  EXPECT_TRUE(server.heard.messages.empty());
  ASSERT_TRUE(honest.sockets->send(*dialler, "", std::vector{bytes(1 << 16)}));
  EXPECT_TRUE(until([&] { return server.heard.messages.size() == 1; }, 5s, honest, other, server));
}

TEST(sockets, a_dial_whose_connection_broke_the_rules_comes_up_again) {
  TemporaryFolder folder;
  SocketOptions small;
  small.ipc_frame_bytes = 1 << 16;
  Side server, client{small};
  const auto listener = server.sockets->listen(folder.ipc("a.sock"));
  const auto dialler = client.sockets->dial(folder.ipc("a.sock"), "");
  ASSERT_TRUE(until([&] { return client.heard.connected.size() == 1; }, 5s, client, server));
  ASSERT_TRUE(client.sockets->send(*dialler, "", std::vector{bytes(3)}));
  ASSERT_TRUE(until([&] { return server.heard.messages.size() == 1; }, 5s, client, server));
  ASSERT_TRUE(server.sockets->send(*listener, server.heard.messages[0].route, std::vector{bytes(1 << 17)}));
  EXPECT_TRUE(until([&] { return client.heard.connected.size() == 2; }, 5s, client, server));
  EXPECT_EQ(client.heard.disconnected.size(), 1u);
}

TEST(sockets, a_path_is_listened_on_once_and_a_dead_listeners_path_is_taken_over) {
  TemporaryFolder folder;
  Side first, second;
  ASSERT_TRUE(first.sockets->listen(folder.ipc("a.sock")));
  const auto taken = second.sockets->listen(folder.ipc("a.sock"));
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, Errc::unavailable);
  EXPECT_THAT(taken.error().message, HasSubstr("another process listens there"));

  const pid_t child = fork();
  if (child == 0) {
    Side dying;
    _exit(dying.sockets->listen(folder.ipc("b.sock")) ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  ASSERT_EQ(status, 0);
  ASSERT_TRUE(std::filesystem::exists(folder.path() / "b.sock"));  // it left its socket behind
  EXPECT_TRUE(second.sockets->listen(folder.ipc("b.sock")));
}

struct BadEndpoint {
  const char* name;
  std::string endpoint;
  Errc code;
};
class BadEndpoints : public testing::TestWithParam<BadEndpoint> {};
TEST_P(BadEndpoints, is_refused) {
  Side side;
  const auto listening = side.sockets->listen(GetParam().endpoint);
  ASSERT_FALSE(listening);
  EXPECT_EQ(listening.error().code, GetParam().code) << listening.error().message;
}
INSTANTIATE_TEST_SUITE_P(sockets, BadEndpoints,
                         testing::Values(BadEndpoint{"no_scheme", "/tmp/x", Errc::invalid_argument},
                                         BadEndpoint{"empty_path", "ipc://", Errc::invalid_argument},
                                         BadEndpoint{"abstract", "ipc://@x", Errc::invalid_argument},
                                         BadEndpoint{"too_long", "ipc:///tmp/" + std::string(103, 'x'),
                                                     Errc::invalid_argument},
                                         BadEndpoint{"no_such_folder", "ipc:///nowhere/x.sock", Errc::io},
                                         BadEndpoint{"no_port", "tcp://localhost", Errc::invalid_argument},
                                         BadEndpoint{"port_too_large", "tcp://localhost:65536", Errc::invalid_argument},
                                         BadEndpoint{"tcp_without_keys", "tcp://127.0.0.1:0", Errc::invalid_argument}),
                         [](const auto& i) { return std::string{i.param.name}; });

TEST(sockets, a_tcp_listener_without_keys_says_how_to_make_them) {
  Side side;
  EXPECT_THAT(side.sockets->listen("tcp://127.0.0.1:0").error().message, HasSubstr("zenith keys"));
}

TEST(sockets, without_descriptors_a_listener_is_an_error_that_names_it) {
  TemporaryFolder folder;
  Side side;
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit none = before;
  none.rlim_cur = 3;
  setrlimit(RLIMIT_NOFILE, &none);
  const auto listening = side.sockets->listen(folder.ipc("a.sock"));
  setrlimit(RLIMIT_NOFILE, &before);
  ASSERT_FALSE(listening);
  EXPECT_EQ(listening.error().code, Errc::io);
  EXPECT_THAT(listening.error().message, HasSubstr("a.sock"));
}

TEST(sockets, a_killed_peer_is_seen_within_50_ms) {
  TemporaryFolder folder;
  const pid_t child = fork();
  if (child == 0) {
    Side server;
    if (!server.sockets->listen(folder.ipc("a.sock"))) _exit(1);
    for (int i = 0; i < 10; ++i) server.pump(1s);
    _exit(0);
  }
  Side client;
  ASSERT_TRUE(client.sockets->dial(folder.ipc("a.sock"), ""));
  ASSERT_TRUE(until([&] { return client.heard.connected.size() == 1; }, 5s, client));
  const auto killed = SystemClock{}.now();
  kill(child, SIGKILL);
  ASSERT_TRUE(until([&] { return !client.heard.disconnected.empty(); }, 5s, client));
  EXPECT_LT(SystemClock{}.now() - killed, 50ms);
  waitpid(child, nullptr, 0);
}

}  // namespace
}  // namespace zenith::wire::test
