#include "zenith/links/zmq_hub.hpp"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include "zenith/actors/system.hpp"
#include "zenith/wire/curve.hpp"

namespace zenith::links {
namespace {
using namespace std::chrono_literals;
using testing::HasSubstr;

/// What an owner was told, for the test's thread.
struct Notes {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<LinkMessage> all;

  template <class T>
  std::vector<T> of() {
    const std::lock_guard lock(mutex);
    std::vector<T> found;
    for (const auto& m : all) {
      if (const auto* one = std::get_if<T>(&m)) found.push_back(*one);
    }
    return found;
  }
  template <class T>
  bool wait_for(std::size_t count, std::chrono::milliseconds most = 5s) {
    const auto end = std::chrono::steady_clock::now() + most;
    for (;;) {
      if (of<T>().size() >= count) return true;
      std::unique_lock lock(mutex);
      if (changed.wait_until(lock, end) == std::cv_status::timeout) {
        lock.unlock();
        return of<T>().size() >= count;
      }
    }
  }
};

/// Notes everything; `echo` answers requests and pings.
class Owner : public actors::Actor<LinkMessage> {
 public:
  Owner(std::shared_ptr<Notes> notes, Hub* echo) : notes_(std::move(notes)), echo_(echo) {}
  void on(LinkMessage message, actors::Context&) override {
    if (const auto* got = std::get_if<Received>(&message); got != nullptr && echo_ != nullptr) {
      wire::Message answer = got->message;
      answer.header.kind = got->message.header.kind == wire::Kind::ping ? wire::Kind::pong : wire::Kind::reply;
      static_cast<void>(echo_->send(got->link, std::move(answer)));
    }
    const std::lock_guard lock(notes_->mutex);
    notes_->all.push_back(std::move(message));
    notes_->changed.notify_all();
  }

 private:
  std::shared_ptr<Notes> notes_;
  Hub* echo_;
};

/// A process's links: a hub and one owner.
struct Process {
  explicit Process(ZmqHubOptions options, bool echo = false) {
    options.me.epoch = ++epochs;
    if (options.me.id.empty()) options.me.id = "p" + std::to_string(options.me.epoch);
    hub = std::move(*ZmqHub::start(std::move(options)));
    owner = system.spawn_as<LinkMessage>("owner", std::make_unique<Owner>(notes, echo ? hub.get() : nullptr));
  }
  ~Process() {
    system.stop();
    hub.reset();
  }
  inline static std::uint64_t epochs = 100;
  SystemClock clock;
  actors::System system{clock, {}};
  std::unique_ptr<ZmqHub> hub;
  std::shared_ptr<Notes> notes = std::make_shared<Notes>();
  actors::Ref<LinkMessage> owner;
};

class ZmqHubs : public testing::Test {
 protected:
  ZmqHubs() {
    std::string name = "/tmp/zn-XXXXXX";
    folder_ = mkdtemp(name.data());
  }
  ~ZmqHubs() override {
    std::error_code error;
    std::filesystem::remove_all(folder_, error);
  }
  std::string ipc(const std::string& name) const { return "ipc://" + (folder_ / name).string(); }
  std::filesystem::path folder_;
};

wire::Message request(std::uint64_t id, std::size_t bytes) {
  wire::Message made;
  made.header.kind = wire::Kind::request;
  made.header.request_id = id;
  made.tensors.push_back({DType::i8, 1, {static_cast<std::uint32_t>(bytes)}, Buffer::of(std::string(bytes, 'x'))});
  return made;
}

TEST_F(ZmqHubs, requests_are_answered_in_order_over_ipc) {
  Process server{{}, true}, client{{}};
  ASSERT_TRUE(server.hub->listen(ipc("s.sock"), server.owner));
  ASSERT_TRUE(client.hub->dial(ipc("s.sock"), "", client.owner));
  ASSERT_TRUE(client.notes->wait_for<LinkUp>(1));
  const auto link = client.notes->of<LinkUp>()[0].link;
  for (std::uint64_t i = 1; i <= 100; ++i) ASSERT_TRUE(client.hub->send(link, request(i, i * 1000)));
  ASSERT_TRUE(client.notes->wait_for<Received>(100));
  const auto answers = client.notes->of<Received>();
  for (std::size_t i = 0; i < 100; ++i) {
    EXPECT_EQ(answers[i].message.header.request_id, i + 1);
    EXPECT_EQ(answers[i].message.tensors.at(0).data.size(), (i + 1) * 1000);
  }
  EXPECT_EQ(client.hub->status().size(), 1u);
}

TEST_F(ZmqHubs, large_tensors_between_processes_of_one_run_folder_lie_in_shared_memory) {
  ZmqHubOptions options;
  options.run_dir = *wire::RunDir::open(folder_ / "run");
  Process server{options, true}, client{options};
  const auto endpoint = *options.run_dir->endpoint("s");
  ASSERT_TRUE(server.hub->listen(endpoint, server.owner));
  ASSERT_TRUE(client.hub->dial(endpoint, "", client.owner));
  ASSERT_TRUE(client.notes->wait_for<LinkUp>(1));
  const auto link = client.notes->of<LinkUp>()[0].link;
  for (std::uint64_t i = 1; i <= 20; ++i) ASSERT_TRUE(client.hub->send(link, request(i, i * 10'000)));
  ASSERT_TRUE(client.notes->wait_for<Received>(20));
  const auto answers = client.notes->of<Received>();
  for (std::size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(answers[i].message.tensors.at(0).data.size(), (i + 1) * 10'000);
    EXPECT_EQ(answers[i].message.tensors.at(0).data.data()[0], std::byte{'x'});
  }
  EXPECT_EQ(client.hub->counters().shared_memory.shared, 19u);
  EXPECT_EQ(server.hub->counters().shared_memory.shared, 19u);
}

TEST_F(ZmqHubs, any_side_may_start_first_and_a_restarted_server_is_a_new_link) {
  Process client{{}};
  ASSERT_TRUE(client.hub->dial(ipc("s.sock"), "", client.owner));
  for (std::size_t round = 1; round <= 3; ++round) {
    Process server{{}, true};
    ASSERT_TRUE(server.hub->listen(ipc("s.sock"), server.owner));
    ASSERT_TRUE(client.notes->wait_for<LinkUp>(round)) << round;
    server.system.stop();
    server.hub.reset();
    ASSERT_TRUE(client.notes->wait_for<LinkDown>(round)) << round;
  }
}

TEST_F(ZmqHubs, an_owner_that_failed_can_listen_again_where_it_did) {
  Process server{{}, true}, client{{}};
  auto listener = server.hub->listen(ipc("s.sock"), server.owner);
  ASSERT_TRUE(client.hub->dial(ipc("s.sock"), "", client.owner));
  for (std::size_t round = 1; round <= 3; ++round) {
    ASSERT_TRUE(listener) << listener.error().message;
    ASSERT_TRUE(client.notes->wait_for<LinkUp>(round)) << round;
    server.hub->close(*listener);
    ASSERT_TRUE(client.notes->wait_for<LinkDown>(round)) << round;
    listener = server.hub->listen(ipc("s.sock"), server.owner);
  }
  ASSERT_TRUE(client.notes->wait_for<LinkUp>(4));
  ASSERT_TRUE(client.hub->send(client.notes->of<LinkUp>()[3].link, request(1, 10)));
  EXPECT_TRUE(client.notes->wait_for<Received>(1));
}

TEST_F(ZmqHubs, a_client_that_leaves_is_a_lost_link_at_the_server_at_once) {
  Process server{{}, true};
  ASSERT_TRUE(server.hub->listen(ipc("s.sock"), server.owner));
  {
    Process client{{}};
    ASSERT_TRUE(client.hub->dial(ipc("s.sock"), "", client.owner));
    ASSERT_TRUE(server.notes->wait_for<LinkUp>(1));
  }
  EXPECT_TRUE(server.notes->wait_for<LinkDown>(1, 1s));
}

TEST_F(ZmqHubs, a_message_over_the_links_limit_is_refused_and_the_link_stays) {
  ZmqHubOptions small;
  small.sockets.ipc_frame_bytes = 1 << 16;
  Process server{small, true}, client{small};
  ASSERT_TRUE(server.hub->listen(ipc("s.sock"), server.owner));
  ASSERT_TRUE(client.hub->dial(ipc("s.sock"), "", client.owner));
  ASSERT_TRUE(client.notes->wait_for<LinkUp>(1));
  const auto link = client.notes->of<LinkUp>()[0].link;
  EXPECT_EQ(client.hub->send(link, request(1, 1 << 17)).error().code, Errc::payload_too_large);
  ASSERT_TRUE(client.hub->send(link, request(2, 1 << 15)));
  EXPECT_TRUE(client.notes->wait_for<Received>(1));
  EXPECT_TRUE(client.notes->of<LinkDown>().empty());
}

TEST_F(ZmqHubs, tcp_needs_keys_and_says_how_to_make_them) {
  Process process{{}};
  const auto listening = process.hub->listen("tcp://127.0.0.1:0", process.owner);
  ASSERT_FALSE(listening);
  EXPECT_THAT(listening.error().message, HasSubstr("zenith keys"));
}

TEST_F(ZmqHubs, over_tcp_a_known_key_is_let_in_and_others_are_told_unauthorized) {
  const auto server_keys = *wire::make_keys(), known = *wire::make_keys(), unknown = *wire::make_keys();
  std::filesystem::create_directory(folder_ / "allow");
  std::ofstream{folder_ / "allow" / "known.public"} << known.public_key;
  const auto options = [&](const wire::KeyPair& keys) {
    ZmqHubOptions made;
    made.sockets.keys = keys;
    made.sockets.allow = folder_ / "allow";
    return made;
  };
  Process server{options(server_keys), true}, friendly{options(known)}, stranger{options(unknown)},
      mistaken{options(known)};
  const auto listener = server.hub->listen("tcp://127.0.0.1:0", server.owner);
  ASSERT_TRUE(listener) << listener.error().message;
  const auto endpoint = server.hub->bound(*listener);
  ASSERT_TRUE(friendly.hub->dial(endpoint, server_keys.public_key, friendly.owner));
  ASSERT_TRUE(stranger.hub->dial(endpoint, server_keys.public_key, stranger.owner));
  ASSERT_TRUE(mistaken.hub->dial(endpoint, unknown.public_key, mistaken.owner));
  ASSERT_TRUE(friendly.notes->wait_for<LinkUp>(1));
  ASSERT_TRUE(friendly.hub->send(friendly.notes->of<LinkUp>()[0].link, request(1, 200'000)));
  EXPECT_TRUE(friendly.notes->wait_for<Received>(1));
  for (auto* refused : {&stranger, &mistaken}) {
    ASSERT_TRUE(refused->notes->wait_for<LinkDown>(1));
    const auto down = refused->notes->of<LinkDown>()[0];
    EXPECT_EQ(down.why.code, Errc::unauthorized);
    EXPECT_THAT(down.why.message, HasSubstr(endpoint));
    EXPECT_TRUE(refused->notes->of<LinkUp>().empty());
  }
}

TEST_F(ZmqHubs, an_idle_link_wakes_its_process_less_than_five_times_a_second) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "ThreadSanitizer has a thread of its own that wakes";
#endif
  Process server{{}, true}, client{{}};
  ASSERT_TRUE(server.hub->listen(ipc("s.sock"), server.owner));
  ASSERT_TRUE(client.hub->dial(ipc("s.sock"), "", client.owner));
  ASSERT_TRUE(client.notes->wait_for<LinkUp>(1));
  std::this_thread::sleep_for(200ms);  // handshakes and first pings are over
  rusage before{}, after{};
  getrusage(RUSAGE_SELF, &before);
  std::this_thread::sleep_for(2s);
  getrusage(RUSAGE_SELF, &after);
  EXPECT_LE(after.ru_nvcsw - before.ru_nvcsw, 2 * 2 * 5);  // both processes of the link are this one
}

}  // namespace
}  // namespace zenith::links
