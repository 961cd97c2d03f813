// What libzmq leaves to its user: messages that do not end, and a process without descriptors.
#include <malloc.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <fstream>

#include "socket_fixture.hpp"

namespace zenith::wire::test {
namespace {
using namespace std::chrono_literals;

int unix_socket() { return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0); }

bool connect_to(int fd, const std::filesystem::path& path) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  path.native().copy(to.sun_path, sizeof to.sun_path - 1);
  return connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
}

/// A peer that speaks ZMTP 3.0 by hand, as far as frames.
struct RawPeer {
  explicit RawPeer(const std::filesystem::path& path) : fd(unix_socket()) {
    EXPECT_TRUE(connect_to(fd, path));
    std::string hello("\xff\0\0\0\0\0\0\0\1\x7f\3\0NULL", 16);
    hello.resize(64, '\0');
    const std::string ready("\5READY\13Socket-Type\0\0\0\6DEALER", 28);
    hello += std::string{'\4', static_cast<char>(ready.size())} + ready;
    EXPECT_EQ(write(fd, hello.data(), hello.size()), static_cast<ssize_t>(hello.size()));
    std::string heard;  // frames before its READY would be a fault of ours
    while (heard.size() < 66 || heard.size() < 66u + static_cast<unsigned char>(heard[65])) {
      char some[256];
      pollfd wanted{fd, POLLIN, 0};
      if (poll(&wanted, 1, 5000) != 1) break;
      const auto n = read(fd, some, sizeof some);
      if (n <= 0) break;
      heard.append(some, static_cast<std::size_t>(n));
    }
    EXPECT_GT(heard.size(), 66u);
  }
  ~RawPeer() { close(fd); }
  /// @returns bytes that went, or nothing once the connection is cut.
  std::optional<std::size_t> send(const std::string& frames) const {
    const auto n = ::send(fd, frames.data() + at % frames.size(), frames.size() - at % frames.size(), MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN ? std::optional<std::size_t>{0} : std::nullopt;
    at += static_cast<std::size_t>(n);
    return static_cast<std::size_t>(n);
  }
  int fd;
  mutable std::size_t at = 0;
};

/// Whether the heap's own books are kept: not under sanitizers.
bool heap_is_counted() {
  const auto before = mallinfo2();
  const std::vector<char> some(1 << 20, 'x');
  const auto after = mallinfo2();
  return some[0] == 'x' && after.uordblks + after.hblkhd >= before.uordblks + before.hblkhd + (1 << 20);
}

std::string frames_of(std::size_t size) {
  std::string frame = size < 256 ? std::string{'\1', static_cast<char>(size)} : std::string("\3\0\0\0\0\0", 6);
  if (size >= 256) frame += {static_cast<char>(size >> 16), static_cast<char>(size >> 8), static_cast<char>(size)};
  frame.append(size, 'x');
  std::string many;
  while (many.size() < 60'000) many += frame;
  return many;
}

class Endless : public testing::TestWithParam<std::size_t> {};
TEST_P(Endless, message_ends_in_the_cut_of_its_peer_and_of_no_other) {
  if (!heap_is_counted()) GTEST_SKIP() << "the heap is another's";
  constexpr std::size_t kMost = 32 << 20;
  TemporaryFolder folder;
  SocketOptions options;
  options.unfinished_bytes = kMost;
  Side server{options}, honest{options};
  const auto listener = server.sockets->listen(folder.ipc("a.sock"));
  const auto dialler = honest.sockets->dial(folder.ipc("a.sock"), "");
  ASSERT_TRUE(until([&] { return honest.heard.connected.size() == 1; }, 5s, honest, server));
  ASSERT_TRUE(honest.sockets->send(*dialler, "", std::vector{bytes(3)}));
  ASSERT_TRUE(until([&] { return !server.heard.messages.empty(); }, 5s, honest, server));
  const std::string route = server.heard.messages[0].route;
  const RawPeer endless{folder.path() / "a.sock"};
  const std::string frames = frames_of(GetParam());
  bool cut = false;
  std::size_t most = 0;
  const auto before = mallinfo2();
  const bool ended = until(
      [&] {
        for (int i = 0; i < 50 && !cut; ++i) cut = !endless.send(frames);
        const auto now = mallinfo2();
        most = std::max(most, now.uordblks + now.hblkhd - before.uordblks - before.hblkhd);
        // A peer of whole messages, both ways, is told from it.
        static_cast<void>(honest.sockets->send(*dialler, "", std::vector{bytes(200'000)}));
        static_cast<void>(server.sockets->send(*listener, route, std::vector{bytes(200'000)}));
        return cut || most > 16 * kMost;
      },
      60s, server, honest);
  EXPECT_TRUE(ended && cut);
  EXPECT_LT(most, 16 * kMost);
  EXPECT_EQ(server.sockets->counters().endless, 1u);
  EXPECT_EQ(honest.sockets->counters().endless, 0u);
  EXPECT_TRUE(honest.heard.disconnected.empty());
  const auto had = server.heard.messages.size();
  ASSERT_TRUE(honest.sockets->send(*dialler, "", std::vector{bytes(3)}));
  EXPECT_TRUE(until([&] { return server.heard.messages.size() > had; }, 5s, server, honest));
}
INSTANTIATE_TEST_SUITE_P(sockets, Endless, testing::Values(1, 100, 50'000),
                         [](const auto& i) { return "of_frames_of_" + std::to_string(i.param) + "_bytes"; });

TEST(sockets, a_long_message_in_many_pieces_is_no_endless_one) {
  TemporaryFolder folder;
  SocketOptions options;
  options.unfinished_bytes = 32 << 20;
  Side server{options};
  ASSERT_TRUE(server.sockets->listen(folder.ipc("a.sock")));
  const RawPeer peer{folder.path() / "a.sock"};
  const std::string many = frames_of(50'000), last("\0\1x", 3);
  const auto send_all = [&](const std::string& frames) {
    peer.at = 0;
    return until([&] { return peer.at == frames.size() || !peer.send(frames) || peer.at == frames.size(); }, 5s,
                 server);
  };
  for (int i = 0; i < 1000; ++i) {  // 100 MB in all
    ASSERT_TRUE(send_all(many));
    if (i % 100 == 99) {
      ASSERT_TRUE(send_all(last));
    }
  }
  EXPECT_TRUE(until([&] { return server.heard.messages.size() == 10; }, 10s, server));
  EXPECT_EQ(server.sockets->counters().endless, 0u);
}

/// Who dials a listener without descriptors is turned away, who is there stays, and afterwards all is as before.
void starve(Side& server, Side& client, Conn dialler, Side& late, const std::function<void()>& dial_late,
            const std::vector<int>& strangers, const std::function<void(int)>& connect_stranger) {
  ASSERT_TRUE(until([&] { return client.heard.connected.size() == 1; }, 5s, client, server));
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit low = before;
  low.rlim_cur = static_cast<rlim_t>(strangers.back()) + 3;
  setrlimit(RLIMIT_NOFILE, &low);
  for (const int fd : strangers) connect_stranger(fd);
  EXPECT_TRUE(until([&] { return server.sockets->counters().accepts_failed > 0; }, 5s, server));
  ASSERT_TRUE(client.sockets->send(dialler, "", std::vector{bytes(3)}));
  EXPECT_TRUE(until([&] { return server.heard.messages.size() == 1; }, 5s, server, client));
  EXPECT_TRUE(client.heard.disconnected.empty());
  setrlimit(RLIMIT_NOFILE, &before);
  for (const int fd : strangers) close(fd);
  dial_late();
  EXPECT_TRUE(until([&] { return late.heard.connected.size() == 1; }, 5s, late, server));
}

TEST(sockets, a_listener_without_descriptors_turns_away_and_goes_on) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "UBSan looks at memory through a pipe: without descriptors it takes every object for a broken one";
#endif
  TemporaryFolder folder;
  Side server, client, late;
  ASSERT_TRUE(server.sockets->listen(folder.ipc("a.sock")));
  const auto dialler = client.sockets->dial(folder.ipc("a.sock"), "");
  std::vector<int> strangers;
  for (int i = 0; i < 20; ++i) strangers.push_back(unix_socket());
  starve(
      server, client, *dialler, late, [&] { ASSERT_TRUE(late.sockets->dial(folder.ipc("a.sock"), "")); }, strangers,
      [&](int fd) { connect_to(fd, folder.path() / "a.sock"); });
}

TEST(sockets, what_waits_for_a_peer_that_does_not_read_is_bounded_in_bytes_and_let_go_with_it) {
  TemporaryFolder folder;
  SocketOptions options;
  options.unsent_bytes = std::size_t{8} << 20;
  Side server{options};
  const auto listener = server.sockets->listen(folder.ipc("a.sock"));
  ASSERT_TRUE(listener);
  const auto large = bytes(std::size_t{1} << 20);
  for (int round = 0; round < 3; ++round) {  // what the last one held is free
    const std::weak_ptr<const void> held = [&] {
      const Buffer mine = bytes(std::size_t{1} << 20);
      RawPeer peer{folder.path() / "a.sock"};
      server.heard.messages.clear();
      EXPECT_TRUE(peer.send(std::string("\0\1x", 3)));
      EXPECT_TRUE(until([&] { return !server.heard.messages.empty(); }, 5s, server));
      const std::string route = server.heard.messages.at(0).route;
      const std::vector<Buffer> one{mine}, many{large};
      EXPECT_TRUE(server.sockets->send(*listener, route, many));
      EXPECT_TRUE(server.sockets->send(*listener, route, one));
      Status sent;
      int count = 0;
      for (; sent && count < 100; ++count) sent = server.sockets->send(*listener, route, many);
      EXPECT_FALSE(sent);
      if (!sent) {
        EXPECT_EQ(sent.error().code, Errc::overloaded);
      }
      EXPECT_GE(count, 6);
      EXPECT_LE(count, 12);
      return std::weak_ptr<const void>{mine.owner()};
    }();
    EXPECT_TRUE(until([&] { return held.expired(); }, 5s, server)) << "round " << round;
  }
}

TEST(sockets, a_tcp_listener_without_descriptors_turns_away_and_goes_on) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "UBSan looks at memory through a pipe: without descriptors it takes every object for a broken one";
#endif
  TemporaryFolder folder;
  Keys keys;
  std::ofstream{folder.path() / "known.public"} << keys.pair.public_key << '\n';
  Side server{keys.options(folder.path())}, client{keys.options({})}, late{keys.options({})};
  const auto listener = server.sockets->listen("tcp://127.0.0.1:0");
  ASSERT_TRUE(listener);
  const std::string endpoint = server.sockets->bound(*listener);
  const auto dialler = client.sockets->dial(endpoint, keys.pair.public_key);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1))));
  std::vector<int> strangers;
  for (int i = 0; i < 20; ++i) strangers.push_back(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
  starve(
      server, client, *dialler, late, [&] { ASSERT_TRUE(late.sockets->dial(endpoint, keys.pair.public_key)); },
      strangers,
      [&](int fd) {
        const int rc = connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to);
        EXPECT_TRUE(rc == 0 || errno == EINPROGRESS);
      });
}

}  // namespace
}  // namespace zenith::wire::test
