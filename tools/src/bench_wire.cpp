#include "bench_wire.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "bench_wire_link.hpp"
#include "zenith/actors/system.hpp"
#include "zenith/wire/raw_echo.hpp"

namespace zenith::tools {
namespace {
namespace fs = std::filesystem;

constexpr std::uint64_t kClientEpoch = 1, kServerEpoch = 2;
constexpr std::size_t kDescriptorBytes = 64;
constexpr std::size_t kRound = 100;  // requests of one side before the other's turn

Error system_error(const std::string& what) {
  return {Errc::io, what + ": " + std::generic_category().message(errno), {}, {}};
}

/// A folder for sockets and keys, removed in the end.
class Folder {
 public:
  static Expected<Folder> make() {
    std::error_code error;
    auto name = (fs::temp_directory_path(error) / "zn-bench-XXXXXX").string();
    if (error || mkdtemp(name.data()) == nullptr) return tl::make_unexpected(system_error("cannot make a folder"));
    return Folder{name};
  }
  Folder(Folder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  Folder& operator=(Folder&&) = delete;
  ~Folder() {
    std::error_code error;
    if (!path_.empty()) fs::remove_all(path_, error);
  }
  const fs::path& path() const { return path_; }

 private:
  explicit Folder(fs::path path) : path_(std::move(path)) {}
  fs::path path_;
};

/// The copy of this program that echoes.
class Peer {
 public:
  static Expected<Peer> start(const WireBench& bench, const fs::path& folder) {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) return tl::make_unexpected(system_error("cannot start the peer"));
    const pid_t child = fork();
    if (child < 0) return tl::make_unexpected(system_error("cannot start the peer"));
    if (child == 0) {
      dup2(ends[1], STDOUT_FILENO);
      execl("/proc/self/exe", "zenith", "bench", "wire", "--transport", bench.transport.c_str(), "--serve",
            folder.c_str(), static_cast<char*>(nullptr));
      _exit(127);
    }
    ::close(ends[1]);
    Peer peer{child};
    std::string line;
    char c = 0;
    while (::read(ends[0], &c, 1) == 1 && c != '\n') line += c;
    ::close(ends[0]);
    const auto space = line.find(' ');
    if (space == std::string::npos) return fail(Errc::io, "the peer process did not start");
    peer.raw_ = line.substr(0, space);
    peer.link_ = line.substr(space + 1);
    return peer;
  }
  Peer(Peer&& other) noexcept
      : pid_(std::exchange(other.pid_, -1)), raw_(std::move(other.raw_)), link_(std::move(other.link_)) {}
  Peer& operator=(Peer&&) = delete;
  ~Peer() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  const std::string& raw() const { return raw_; }
  const std::string& link() const { return link_; }

 private:
  explicit Peer(pid_t pid) : pid_(pid) {}
  pid_t pid_;
  std::string raw_, link_;
};

/// All threads of this process and of its children from now on, on one core. @returns which, or -1.
int pin() {
  cpu_set_t usable;
  if (sched_getaffinity(0, sizeof usable, &usable) != 0) return -1;
  int last = -1;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &usable)) last = cpu;
  }
  cpu_set_t one;
  CPU_ZERO(&one);
  if (last >= 0) CPU_SET(last, &one);
  return last >= 0 && sched_setaffinity(0, sizeof one, &one) == 0 ? last : -1;
}

double quantile(const std::vector<double>& sorted, double q) {
  if (sorted.empty()) return 0;
  return sorted[std::min(sorted.size() - 1, static_cast<std::size_t>(q * static_cast<double>(sorted.size())))];
}

using Run = std::function<Expected<std::vector<double>>(std::size_t count)>;

/// Rounds of all in turn; the first of each is not counted. `floor` may be none.
Expected<WireBenchResult> interleave(const WireBench& bench, const Run& candidate, const Run& raw,
                                     const Run& floor = {}) {
  std::vector<double> ours, theirs, least;
  const std::array<std::pair<const Run&, std::vector<double>&>, 3> sides{
      {{raw, theirs}, {candidate, ours}, {floor, least}}};
  const std::size_t rounds = std::max<std::size_t>(1, (bench.iterations + kRound - 1) / kRound);
  for (std::size_t round = 0; round <= rounds; ++round) {
    for (const auto& [run, all] : sides) {
      if (!run) continue;
      const auto times = run(kRound);
      if (!times) return tl::make_unexpected(times.error());
      if (round > 0) all.insert(all.end(), times->begin(), times->end());
    }
  }
  for (const auto& [run, all] : sides) std::sort(all.begin(), all.end());
  WireBenchResult result;
  result.p50_us = quantile(ours, 0.5);
  result.p99_us = quantile(ours, 0.99);
  result.min_us = ours.front();
  result.raw_p50_us = quantile(theirs, 0.5);
  result.raw_p99_us = quantile(theirs, 0.99);
  result.raw_min_us = theirs.front();
  result.floor_p50_us = quantile(least, 0.5);
  result.samples = ours.size();
  return result;
}

links::ZmqHubOptions hub_options(const WireBench& bench, const fs::path& folder, std::uint64_t epoch,
                                 const wire::RawKeys& keys) {
  links::ZmqHubOptions options;
  options.me = {epoch, "bench", "0", "bench"};
  if (bench.transport == "tcp") {
    options.sockets.keys = keys;
    options.sockets.allow = folder / "allow";
  }
  return options;
}

Expected<wire::RawKeys> keys_of(const WireBench& bench, const fs::path& folder) {
  if (bench.transport != "tcp") return wire::RawKeys{};
  auto keys = wire::load_keys(folder, "bench");
  if (!keys) return tl::make_unexpected(keys.error());
  return wire::RawKeys{std::move(*keys)};
}

Expected<WireBenchResult> bench_actors(const WireBench& bench, const fs::path& folder, const Peer& peer,
                                       const Buffer& payload) {
  const auto keys = keys_of(bench, folder);
  if (!keys) return tl::make_unexpected(keys.error());
  auto raw = wire::RawClient::open(wire::make_raw_context(), peer.raw(), *keys);
  if (!raw) return tl::make_unexpected(raw.error());
  auto hub = links::ZmqHub::start(hub_options(bench, folder, kClientEpoch, *keys));
  if (!hub) return tl::make_unexpected(hub.error());
  const SystemClock clock;
  actors::System system{clock, {}};
  const auto result = std::make_shared<SeriesResult>();
  const auto client = system.spawn("bench-client", make_wire_client(**hub, result));
  const auto dial =
      (*hub)->dial(peer.link(), *keys ? (*keys)->public_key : std::string{}, actors::Ref<links::LinkMessage>{client});
  if (!dial) return tl::make_unexpected(dial.error());
  if (auto ok = result->wait_until_up(); !ok) return tl::make_unexpected(ok.error());
  auto measured = interleave(
      bench,
      [&](std::size_t count) {
        actors::Ref<Series>{client}.send({count, bench.window, payload});
        return result->take();
      },
      [&](std::size_t count) { return (*raw)->run(count, bench.window, payload); });
  system.stop();
  return measured;
}

Expected<WireBenchResult> bench_shared(const WireBench& bench, const fs::path& folder, const Peer& peer,
                                       const Buffer& payload) {
  const auto run_dir = wire::RunDir::open(folder / "run");
  if (!run_dir) return tl::make_unexpected(run_dir.error());
  auto raw = wire::RawClient::open(wire::make_raw_context(), peer.raw(), {});
  if (!raw) return tl::make_unexpected(raw.error());
  auto link = BareLink::open(*run_dir, kClientEpoch);
  if (!link) return tl::make_unexpected(link.error());
  if (auto ok = (*link)->dial_and_wait(peer.link()); !ok) return tl::make_unexpected(ok.error());
  return interleave(
      bench, [&](std::size_t count) { return (*link)->run({count, bench.window, payload}); },
      [&](std::size_t count) { return (*raw)->run(count, bench.window, payload); },
      [&](std::size_t count) { return (*raw)->run(count, bench.window, payload.slice(0, kDescriptorBytes)); });
}

struct Ball {
  Tensor tensor;
  std::size_t hops = 0;
};

/// Throws what it gets back to the other; checks that the bytes never move.
class Player final : public actors::Actor<Ball, actors::Ref<Ball>> {
 public:
  Player(std::shared_ptr<SeriesResult> result, const std::byte* where) : result_(std::move(result)), where_(where) {}
  void on(actors::Ref<Ball> other, actors::Context&) override { other_ = std::move(other); }
  void on(Ball ball, actors::Context&) override {
    if (ball.tensor.data.data() != where_) return result_->fail("the tensor was copied on its way");
    const Instant now = clock_.now();
    if (last_ != Instant{}) times_.push_back(micros(last_, now) / 2);
    last_ = now;
    if (ball.hops > 0) return other_.send({std::move(ball.tensor), ball.hops - 1});
    last_ = {};
    result_->finish(std::exchange(times_, {}));
  }

 private:
  std::shared_ptr<SeriesResult> result_;
  const std::byte* where_;
  actors::Ref<Ball> other_;
  SystemClock clock_;
  Instant last_{};
  std::vector<double> times_;
};

Expected<WireBenchResult> bench_inproc(const WireBench& bench, const Buffer& payload) {
  const auto context = wire::make_raw_context();
  const auto echo = wire::RawEcho::start(context, "inproc://bench", {});
  if (!echo) return tl::make_unexpected(echo.error());
  auto raw = wire::RawClient::open(context, "inproc://bench", {});
  if (!raw) return tl::make_unexpected(raw.error());
  const SystemClock clock;
  actors::System system{clock, {}};
  const auto result = std::make_shared<SeriesResult>();
  const auto first = system.spawn("bench-1", std::make_unique<Player>(result, payload.data()));
  const auto second = system.spawn("bench-2", std::make_unique<Player>(result, payload.data()));
  actors::Ref<actors::Ref<Ball>>{first}.send(actors::Ref<Ball>{second});
  actors::Ref<actors::Ref<Ball>>{second}.send(actors::Ref<Ball>{first});
  const Tensor tensor{DType::i8, 1, {static_cast<std::uint32_t>(payload.size())}, payload};
  auto measured = interleave(
      bench,
      [&](std::size_t count) {
        actors::Ref<Ball>{first}.send({tensor, count * 2});
        return result->take();
      },
      [&](std::size_t count) {
        auto times = (*raw)->run(count, 1, payload);
        if (times) {
          for (double& t : *times) t /= 2;
        }
        return times;
      });
  system.stop();
  raw->reset();
  return measured;
}

}  // namespace

Expected<WireBenchResult> bench_wire(const WireBench& bench) {
  const int cpu = pin();
  const auto payload = Buffer::of(std::string(bench.bytes, 'z'));
  Expected<WireBenchResult> result;
  if (bench.transport == "inproc") {
    result = bench_inproc(bench, payload);
  } else {
    const auto folder = Folder::make();
    if (!folder) return tl::make_unexpected(folder.error());
    if (bench.transport == "tcp") {
      const auto keys = wire::make_keys();
      if (!keys) return tl::make_unexpected(keys.error());
      if (auto ok = wire::save_keys(folder->path(), "bench", *keys, false); !ok) return tl::make_unexpected(ok.error());
      if (auto ok = wire::allow_key(folder->path() / "allow", "bench", keys->public_key); !ok) {
        return tl::make_unexpected(ok.error());
      }
    }
    const auto peer = Peer::start(bench, folder->path());
    if (!peer) return tl::make_unexpected(peer.error());
    result = bench.transport == "shm" ? bench_shared(bench, folder->path(), *peer, payload)
                                      : bench_actors(bench, folder->path(), *peer, payload);
  }
  if (!result) return result;
  result->cpu = cpu;
  result->measured = bench.transport == "inproc" ? "one hop between two actors; raw: half a round trip"
                     : bench.window > 1          ? "mean time of a request, a sample for each round of 100"
                     : bench.transport == "shm"  ? "round trip from link to link, without actors"
                                                 : "round trip from actor to service to actor";
  return result;
}

Status serve_wire_bench(const WireBench& bench, const std::string& folder) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const auto run_dir = wire::RunDir::open(fs::path{folder} / "run");
  if (!run_dir) return tl::make_unexpected(run_dir.error());
  const auto keys = keys_of(bench, folder);
  if (!keys) return tl::make_unexpected(keys.error());
  const bool tcp = bench.transport == "tcp";
  const auto socket = [&](const char* name) {
    return tcp ? std::string{"tcp://127.0.0.1:0"} : *run_dir->endpoint(name);
  };
  const auto raw = wire::RawEcho::start(wire::make_raw_context(), tcp ? "tcp://127.0.0.1:*" : socket("raw"), *keys);
  if (!raw) return tl::make_unexpected(raw.error());
  const auto announce = [&](const std::string& link) {
    std::printf("%s %s\n", (*raw)->endpoint().c_str(), link.c_str());
    std::fflush(stdout);
  };
  if (bench.transport == "shm") {
    auto link = BareLink::open(*run_dir, kServerEpoch);
    if (!link) return tl::make_unexpected(link.error());
    if (auto ok = (*link)->listen(socket("link")); !ok) return ok;
    announce(socket("link"));
    (*link)->echo_for_ever();
  }
  auto hub = links::ZmqHub::start(hub_options(bench, folder, kServerEpoch, *keys));
  if (!hub) return tl::make_unexpected(hub.error());
  const SystemClock clock;
  actors::System system{clock, {}};
  const actors::Ref<links::LinkMessage> echo{system.spawn("bench-echo", make_wire_echo(**hub))};
  const auto listener = (*hub)->listen(socket("link"), echo);
  if (!listener) return tl::make_unexpected(listener.error());
  announce((*hub)->bound(*listener));
  for (;;) pause();
}

}  // namespace zenith::tools
