#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "socket_fixture.hpp"

namespace zenith::wire::test {
namespace {
using namespace std::chrono_literals;
using testing::HasSubstr;

class CurveSockets : public testing::Test {
 protected:
  CurveSockets() : server{keys_.options(allow())} {
    std::filesystem::create_directory(allow());
    listener = *server.sockets->listen("tcp://127.0.0.1:0");
    endpoint = server.sockets->bound(listener);
  }
  std::filesystem::path allow() const { return folder_.path() / "allow"; }
  void let_in(const Keys& client, const std::string& name) const {
    std::ofstream{allow() / (name + ".public")} << client.pair.public_key << '\n';
  }
  int raw_connection() const {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1))));
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to);
    return fd;
  }
  TemporaryFolder folder_;
  Keys keys_;
  Side server;
  Conn listener = 0;
  std::string endpoint;
};

TEST_F(CurveSockets, a_known_client_gets_in_and_talks) {
  Keys known;
  let_in(known, "known");
  Side client{known.options({})};
  const auto dialler = client.sockets->dial(endpoint, keys_.pair.public_key);
  ASSERT_TRUE(dialler) << dialler.error().message;
  ASSERT_TRUE(until([&] { return client.heard.connected.size() == 1; }, 5s, client, server));
  ASSERT_TRUE(client.sockets->send(*dialler, "", std::vector{bytes(3, 'a'), bytes(200'000, 'b')}));
  ASSERT_TRUE(until([&] { return server.heard.messages.size() == 1; }, 5s, client, server));
  EXPECT_EQ((*server.heard.messages[0].frames)[1].size(), 200'000u);
}

TEST_F(CurveSockets, an_unknown_client_is_refused_told_why_once_and_let_in_when_its_key_is_added) {
  Keys unknown;
  Side client{unknown.options({})};
  const auto dialler = client.sockets->dial(endpoint, keys_.pair.public_key);
  ASSERT_TRUE(until([&] { return !client.heard.disconnected.empty(); }, 5s, client, server));
  EXPECT_EQ(client.heard.disconnected[0].code, Errc::unauthorized);
  EXPECT_THAT(client.heard.disconnected[0].message, HasSubstr(endpoint));
  EXPECT_THAT(client.heard.disconnected[0].message, HasSubstr("curve.allow"));
  EXPECT_FALSE(client.sockets->send(*dialler, "", std::vector{bytes(3)}));
  EXPECT_GE(server.sockets->counters().clients_refused, 1u);
  let_in(unknown, "now-known");
  EXPECT_TRUE(until([&] { return client.heard.connected.size() == 1; }, 10s, client, server));
  EXPECT_EQ(client.heard.disconnected.size(), 1u);
}

TEST_F(CurveSockets, a_wrong_server_key_is_an_unauthorized_error_that_names_the_endpoint) {
  Keys known, other;
  let_in(known, "known");
  Side client{known.options({})};
  const auto dialler = client.sockets->dial(endpoint, other.pair.public_key);
  ASSERT_TRUE(until([&] { return !client.heard.disconnected.empty(); }, 5s, client, server));
  EXPECT_EQ(client.heard.disconnected[0].code, Errc::unauthorized);
  EXPECT_THAT(client.heard.disconnected[0].message, HasSubstr(endpoint));
  EXPECT_FALSE(client.sockets->send(*dialler, "", std::vector{bytes(3)}));
}

TEST_F(CurveSockets, a_dial_without_the_servers_key_is_refused) {
  Keys known;
  Side client{known.options({})};
  EXPECT_EQ(client.sockets->dial(endpoint, "").error().param, "server_key");
}

TEST_F(CurveSockets, garbage_and_silence_on_the_port_disturb_nobody) {
  Keys known;
  let_in(known, "known");
  std::vector<int> strangers;
  for (int i = 0; i < 20; ++i) {
    strangers.push_back(raw_connection());
    const std::string garbage(1000, static_cast<char>('A' + i));
    if (i % 2 == 0) static_cast<void>(!write(strangers.back(), garbage.data(), garbage.size()));
  }
  Side client{known.options({})};
  const auto dialler = client.sockets->dial(endpoint, keys_.pair.public_key);
  ASSERT_TRUE(until([&] { return client.heard.connected.size() == 1; }, 5s, client, server));
  ASSERT_TRUE(client.sockets->send(*dialler, "", std::vector{bytes(3)}));
  EXPECT_TRUE(until([&] { return server.heard.messages.size() == 1; }, 5s, client, server));
  for (const int fd : strangers) close(fd);
}

/// ZMTP 3.0 with the NULL mechanism, then one message that never ends.
TEST_F(CurveSockets, an_endless_message_of_a_stranger_ends_at_the_greeting) {
  const int fd = raw_connection();
  std::string greeting("\xff\0\0\0\0\0\0\0\1\x7f\3\0NULL", 16);
  greeting.resize(64, '\0');
  const std::string frame = std::string("\3\0\0\0\0\0\1\0\0", 9) + std::string(65536, 'x');  // "more follows"
  static_cast<void>(!write(fd, greeting.data(), greeting.size()));
  std::size_t taken = 0;
  const bool cut = until(
      [&] {
        const auto n = send(fd, frame.data(), frame.size(), MSG_NOSIGNAL);
        if (n > 0) taken += static_cast<std::size_t>(n);
        return n < 0 && errno != EAGAIN;
      },
      5s, server);
  close(fd);
  EXPECT_TRUE(cut);
  EXPECT_LT(taken, std::size_t{16} << 20);
  EXPECT_TRUE(server.heard.messages.empty());
}

TEST(curve, keys_are_saved_whole_private_and_never_over_others) {
  TemporaryFolder folder;
  const auto keys = *make_keys();
  const auto dir = folder.path() / "keys";
  ASSERT_TRUE(save_keys(dir, "gateway", keys, false));
  struct stat info{};
  stat((dir / "gateway.secret").c_str(), &info);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  const auto loaded = load_keys(dir, "gateway");
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->secret_key, keys.secret_key);
  const auto again = save_keys(dir, "gateway", *make_keys(), false);
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().message, HasSubstr("--force"));
  EXPECT_EQ(load_keys(dir, "gateway")->secret_key, keys.secret_key);
  ASSERT_TRUE(save_keys(dir, "gateway", *make_keys(), true));
  EXPECT_NE(load_keys(dir, "gateway")->secret_key, keys.secret_key);
}

struct BadKeys {
  const char* name;
  std::string secret, open;
  unsigned mode;
  Errc code;
};
class BadKeyFiles : public testing::TestWithParam<BadKeys> {};
TEST_P(BadKeyFiles, are_refused) {
  TemporaryFolder folder;
  const auto& p = GetParam();
  if (!p.secret.empty()) std::ofstream{folder.path() / "k.secret"} << p.secret;
  if (!p.open.empty()) std::ofstream{folder.path() / "k.public"} << p.open;
  chmod((folder.path() / "k.secret").c_str(), p.mode);
  const auto loaded = load_keys(folder.path(), "k");
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, p.code) << loaded.error().message;
}
const auto kPair = *make_keys();
INSTANTIATE_TEST_SUITE_P(
    curve, BadKeyFiles,
    testing::Values(BadKeys{"missing", "", "", 0600, Errc::not_found},
                    BadKeys{"no_public_half", kPair.secret_key, "", 0600, Errc::not_found},
                    BadKeys{"rubbish", "short", kPair.public_key, 0600, Errc::bad_file},
                    BadKeys{"readable_by_all", kPair.secret_key, kPair.public_key, 0644, Errc::unauthorized},
                    BadKeys{"halves_of_two_pairs", kPair.secret_key, make_keys()->public_key, 0600, Errc::bad_file}),
    [](const auto& i) { return std::string{i.param.name}; });

TEST(curve, the_allow_list_follows_its_folder) {
  TemporaryFolder folder;
  AllowList list{folder.path()};
  EXPECT_EQ(list.size(), 0u);
  std::ofstream{folder.path() / "a.public"} << kPair.public_key;
  std::ofstream{folder.path() / "notes.txt"} << "nothing";
  std::ofstream{folder.path() / "broken.public"} << "nothing";
  EXPECT_EQ(list.size(), 1u);
  std::filesystem::remove(folder.path() / "a.public");
  EXPECT_EQ(list.size(), 0u);
}

}  // namespace
}  // namespace zenith::wire::test
