#include "child_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <deque>
#include <optional>
#include <system_error>
#include <thread>

#include "zenith/core/log.hpp"

extern char** environ;

namespace zenith::tools {
namespace {

using messages::Health;
using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr int kConfigFd = 3, kLastFd = 5;
constexpr milliseconds kFirstPause{50}, kLongestPause{5000}, kStopTime{3000};
constexpr std::chrono::seconds kFailureWindow{60};
// Signs of life come every half second. Looks that found none are counted, not time: who was stopped together with its
// child (a container that is paused) finds the child as late as itself.
constexpr milliseconds kLook{1000};
constexpr int kMostSilentLooks = 4, kMostLooksAtStart = 30;

std::string reason_of_errno(int number) { return std::generic_category().message(number); }

Expected<Fd> config_file(const std::string& text) {
  Fd fd{memfd_create("zenith.toml", MFD_CLOEXEC)};
  if (fd.get() < 0) return fail(Errc::io, "no memory file for a child's configuration: " + reason_of_errno(errno));
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t n = write(fd.get(), text.data() + done, text.size() - done);
    if (n < 0) return fail(Errc::io, "the configuration of a child cannot be written: " + reason_of_errno(errno));
    done += static_cast<std::size_t>(n);
  }
  return fd;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (auto& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

std::vector<std::string> words_of(const ChildCommand& command, int config_fd) {
  std::vector<std::string> words{command.program.string()};
  if (!command.config.empty()) words.insert(words.end(), {"--config", fmt::format("/proc/self/fd/{}", config_fd)});
  words.insert(words.end(), command.args.begin(), command.args.end());
  return words;
}

/// Where a child's descriptors come from; -1: it has none.
struct Given {
  int board = -1, beat = -1, out = -1;
};

/// A copy that is out of the way of the numbers that the child gets.
Fd high(int fd) { return Fd{fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, kLastFd + 1)}; }

Expected<pid_t> spawn(const ChildCommand& command, const Given& given) {
  auto config = config_file(command.config);
  if (!config) return tl::make_unexpected(config.error());
  auto words = words_of(command, kConfigFd);
  words.insert(words.end(), {"--parent", std::to_string(getpid())});
  const Fd from_config = high(config->get()), from_board = high(given.board), from_beat = high(given.beat);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  if (given.out >= 0) posix_spawn_file_actions_adddup2(&files, given.out, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&files, from_config.get(), kConfigFd);
  int next = kConfigFd + 1;
  for (const auto& [flag, fd] : {std::pair{"--board", from_board.get()}, std::pair{"--beat", from_beat.get()}}) {
    if (fd < 0) continue;
    posix_spawn_file_actions_adddup2(&files, fd, next);
    words.insert(words.end(), {flag, std::to_string(next++)});
  }
  posix_spawn_file_actions_addclosefrom_np(&files, next);
  posix_spawnattr_t how;
  posix_spawnattr_init(&how);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&how, &none);
  posix_spawnattr_setsigdefault(&how, &all);
  // A group of its own: Ctrl-C is for this process, which drains first.
  posix_spawnattr_setpgroup(&how, 0);
  posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  pid_t pid = 0;
  const int wrong = posix_spawn(&pid, command.program.c_str(), &files, &how, pointers(words).data(), environ);
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&how);
  if (wrong != 0) {
    return fail(Errc::unavailable,
                fmt::format("{} cannot be started: {}", command.program.string(), reason_of_errno(wrong)));
  }
  return pid;
}

int wait_for(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

Fd pidfd_of(pid_t pid) { return Fd{static_cast<int>(syscall(SYS_pidfd_open, pid, 0))}; }

class Kept final : public ChildProcess {
 public:
  Kept(ChildCommand command, ChildRules rules)
      : command_(std::move(command)),
        rules_(std::move(rules)),
        name_(command_.program.filename().string()),
        stop_(eventfd(0, EFD_CLOEXEC)),
        beat_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        revive_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        thread_([this] { run(); }) {}
  ~Kept() override {
    raise(stop_);
    thread_.join();
  }
  bool given_up() const override { return given_up_; }
  void revive() override { raise(revive_); }

 private:
  static void raise(const Fd& fd) {
    const std::uint64_t one = 1;
    while (write(fd.get(), &one, sizeof one) < 0 && errno == EINTR) {
    }
  }
  static void clear(const Fd& fd) {
    std::uint64_t count = 0;
    while (read(fd.get(), &count, sizeof count) < 0 && errno == EINTR) {
    }
  }

  void run() {
    if (rules_.on_demand && !revived()) return;
    for (;;) {
      Status ready = rules_.ready_to_start ? rules_.ready_to_start() : Status{};
      clear(beat_);
      auto pid = ready.and_then([&] { return spawn(command_, {command_.board, beat_.get(), -1}); });
      if (!pid) {
        rules_.tell(Health::failed, pid.error().message);
        log(LogLevel::error, "child", pid.error().message);
        if (stopped_within(kLongestPause)) return;
        continue;
      }
      rules_.tell(Health::loading, name_ + " is being started");
      const auto end = watch(*pid);
      if (!end) return;
      const Verdict verdict = judge(*end);
      const auto pause = next_pause();
      const bool hopeless = !verdict.again || (rules_.most_failures > 0 && recent() >= rules_.most_failures);
      log(LogLevel::warn, "child", verdict.reason,
          {{"program", name_}, {"pid", *pid}, {"again_in_ms", hopeless ? -1 : static_cast<int>(pause.count())}});
      if (hopeless) {
        rules_.tell(Health::failed, verdict.again
                                        ? fmt::format("quarantined after {} failures: {}", recent(), verdict.reason)
                                        : "quarantined: " + verdict.reason);
        if (!wait_for_revival()) return;
        failures_.clear();
        continue;
      }
      rules_.tell(Health::failed, verdict.reason + "; it is started again");
      if (stopped_within(pause)) return;
    }
  }

  struct End {
    int wait_status = 0;
    bool silent = false;  ///< it lived, but gave no sign of it
  };
  Verdict judge(const End& end) const {
    if (end.silent) return {fmt::format("{} hangs: it gave no sign of life and was ended", name_), true};
    if (rules_.judge) return rules_.judge(end.wait_status);
    return {fmt::format("{} ended by {}", name_, end_of(end.wait_status)), true};
  }

  /// @returns how it ended by itself; nothing when it was stopped.
  std::optional<End> watch(pid_t pid) {
    const Fd child = pidfd_of(pid);
    bool stopping = false, up = false, silent = false;
    int looks = 0;
    for (bool running = true; running && !stopping && !silent;) {
      std::array<pollfd, 3> waited{{{child.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}, {beat_.get(), POLLIN, 0}}};
      const int found = poll(waited.data(), waited.size(), static_cast<int>(kLook.count()));
      if (found < 0 && errno != EINTR) break;
      if (found == 0) silent = ++looks >= (up ? kMostSilentLooks : kMostLooksAtStart);
      if (found <= 0) continue;
      if ((waited[2].revents & POLLIN) != 0) {
        clear(beat_);
        looks = 0;
        if (!std::exchange(up, true) && rules_.ready_when_up) rules_.tell(Health::ready, "");
      }
      stopping = (waited[1].revents & POLLIN) != 0;
      running = (waited[0].revents & POLLIN) == 0;
    }
    if (stopping) {
      kill(pid, SIGTERM);
      pollfd ended{child.get(), POLLIN, 0};
      if (poll(&ended, 1, static_cast<int>(kStopTime.count())) == 0) kill(pid, SIGKILL);
    }
    kill(-pid, SIGKILL);  // what the child started; its group has its name until it is waited for
    const int status = wait_for(pid);
    if (stopping) return std::nullopt;
    return End{status, silent};
  }

  milliseconds next_pause() {
    const auto now = SteadyClock::now();
    while (!failures_.empty() && now - failures_.front() > kFailureWindow) failures_.pop_front();
    failures_.push_back(now);
    const auto counted =
        std::count_if(failures_.begin(), failures_.end(), [&](const auto at) { return now - at <= rules_.settled; });
    return std::min(kLongestPause, kFirstPause * (1 << std::min<long>(counted - 1, 10)));
  }
  std::size_t recent() const { return failures_.size(); }

  bool stopped_within(milliseconds time) const {
    pollfd waited{stop_.get(), POLLIN, 0};
    return poll(&waited, 1, static_cast<int>(time.count())) > 0;
  }

  bool wait_for_revival() {
    clear(revive_);
    given_up_ = true;
    const bool again = revived();
    given_up_ = false;
    return again;
  }

  /// Waits. @returns false: it is to stop.
  bool revived() const {
    std::array<pollfd, 2> waited{{{stop_.get(), POLLIN, 0}, {revive_.get(), POLLIN, 0}}};
    while (poll(waited.data(), waited.size(), -1) < 0 && errno == EINTR) {
    }
    return (waited[0].revents & POLLIN) == 0;
  }

  ChildCommand command_;
  ChildRules rules_;
  std::string name_;
  std::deque<SteadyClock::time_point> failures_;
  std::atomic<bool> given_up_{false};
  Fd stop_, beat_, revive_;
  std::thread thread_;
};

}  // namespace

Fd::~Fd() {
  if (fd_ >= 0) close(fd_);
}

std::unique_ptr<ChildProcess> ChildProcess::start(ChildCommand command, ChildRules rules) {
  return std::make_unique<Kept>(std::move(command), std::move(rules));
}

Error become_child(const ChildCommand& command) {
  auto config = config_file(command.config);
  if (!config) return config.error();
  fcntl(config->get(), F_SETFD, 0);
  auto words = words_of(command, config->get());
  execv(command.program.c_str(), pointers(words).data());
  return {Errc::io, fmt::format("{} cannot be run: {}", command.program.string(), reason_of_errno(errno)), {}, {}};
}

std::filesystem::path program_beside(const char* name) {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / name;
}

Expected<ChildOutput> run_child(const ChildCommand& command, milliseconds limit, std::size_t most) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return fail(Errc::io, "no pipe: " + reason_of_errno(errno));
  const Fd in{ends[0]};
  Fd out{ends[1]};
  const auto pid = spawn(command, {command.board, -1, out.get()});
  if (!pid) return tl::make_unexpected(pid.error());
  out = Fd{};
  const Fd child = pidfd_of(*pid);
  ChildOutput result;
  const auto until = SteadyClock::now() + limit;
  std::array<char, 4096> piece{};
  for (bool open = true; open;) {
    const auto left = std::chrono::duration_cast<milliseconds>(until - SteadyClock::now());
    if (left.count() <= 0) {
      result.in_time = false;
      break;
    }
    pollfd waited{in.get(), POLLIN, 0};
    if (poll(&waited, 1, static_cast<int>(left.count())) <= 0) continue;
    const ssize_t n = read(in.get(), piece.data(), piece.size());
    if (n <= 0) open = n < 0 && errno == EINTR;
    if (n > 0 && result.out.size() < most) result.out.append(piece.data(), static_cast<std::size_t>(n));
  }
  pollfd ended{child.get(), POLLIN, 0};
  if (result.in_time && poll(&ended, 1, static_cast<int>(kStopTime.count())) == 0) result.in_time = false;
  if (!result.in_time) kill(*pid, SIGKILL);
  kill(-*pid, SIGKILL);
  result.wait_status = wait_for(*pid);
  return result;
}

std::string end_of(int status) {
  if (WIFSIGNALED(status)) return fmt::format("signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)));
  return fmt::format("status {}", WEXITSTATUS(status));
}

}  // namespace zenith::tools
