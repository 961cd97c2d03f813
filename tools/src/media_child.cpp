#include "media_child.hpp"

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
#include <cerrno>
#include <chrono>
#include <cstring>
#include <deque>
#include <iterator>
#include <optional>
#include <system_error>
#include <thread>

#include "zenith/core/log.hpp"
#include "zenith/messages/roles.hpp"
#include "zenith/tools/catalog.hpp"
#include "zenith/tools/model_files.hpp"

extern char** environ;

namespace zenith::tools {
namespace {

using messages::Health;
using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr int kConfigFd = 3;
constexpr milliseconds kFirstPause{50}, kLongestPause{5000}, kStopTime{3000};
constexpr std::chrono::seconds kForgiven{30};

class Fd {
 public:
  explicit Fd(int fd = -1) noexcept : fd_(fd) {}
  Fd(Fd&& o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
  Fd& operator=(Fd&& o) noexcept {
    std::swap(fd_, o.fd_);
    return *this;
  }
  ~Fd() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

std::string reason_of_errno(int number) { return std::generic_category().message(number); }

Expected<Fd> config_file(const std::string& text) {
  Fd fd{memfd_create("zenith-media.toml", MFD_CLOEXEC)};
  if (fd.get() < 0) return fail(Errc::io, "no memory file for zenith-media: " + reason_of_errno(errno));
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t n = write(fd.get(), text.data() + done, text.size() - done);
    if (n < 0) return fail(Errc::io, "the configuration of zenith-media cannot be written: " + reason_of_errno(errno));
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

std::vector<std::string> words_of(const MediaCommand& command, int config_fd) {
  std::vector<std::string> words{command.program.string(), "--config", fmt::format("/proc/self/fd/{}", config_fd)};
  words.insert(words.end(), command.args.begin(), command.args.end());
  return words;
}

Expected<pid_t> spawn(const MediaCommand& command) {
  auto config = config_file(command.config);
  if (!config) return tl::make_unexpected(config.error());
  auto words = words_of(command, kConfigFd);
  words.insert(words.end(), {"--parent", std::to_string(getpid())});
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, config->get(), kConfigFd);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addclosefrom_np(&files, kConfigFd + 1);
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

std::string ended(int status) {
  if (WIFSIGNALED(status)) return fmt::format("zenith-media was ended by signal {}", WTERMSIG(status));
  return fmt::format("zenith-media ended with status {}", WEXITSTATUS(status));
}

class Kept final : public MediaChild {
 public:
  Kept(MediaCommand command, std::function<void(Health, std::string)> tell)
      : command_(std::move(command)),
        tell_(std::move(tell)),
        stop_(eventfd(0, EFD_CLOEXEC)),
        thread_([this] { run(); }) {}
  ~Kept() override {
    const std::uint64_t one = 1;
    while (write(stop_.get(), &one, sizeof one) < 0 && errno == EINTR) {
    }
    thread_.join();
  }

 private:
  void run() {
    for (;;) {
      auto pid = media_is_there(command_).and_then([&] { return spawn(command_); });
      if (!pid) {
        tell_(Health::failed, pid.error().message);
        log(LogLevel::error, "media", pid.error().message);
        if (stopped_within(kLongestPause)) return;
        continue;
      }
      tell_(Health::loading, "zenith-media is being started");
      const auto status = watch(*pid);
      if (!status) return;
      const auto pause = next_pause();
      tell_(Health::failed, fmt::format("{}; it is started again", ended(*status)));
      log(LogLevel::warn, "media", ended(*status), {{"pid", *pid}, {"again_in_ms", pause.count()}});
      if (stopped_within(pause)) return;
    }
  }

  /// @returns how it ended by itself; nothing when it was stopped.
  std::optional<int> watch(pid_t pid) {
    const Fd child{static_cast<int>(syscall(SYS_pidfd_open, pid, 0))};
    std::array<pollfd, 2> waited{{{child.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
    while (poll(waited.data(), waited.size(), -1) < 0 && errno == EINTR) {
    }
    const bool stopping = (waited[1].revents & POLLIN) != 0;
    if (stopping) {
      kill(pid, SIGTERM);
      if (poll(waited.data(), 1, static_cast<int>(kStopTime.count())) == 0) kill(pid, SIGKILL);
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (stopping) return std::nullopt;
    return status;
  }

  milliseconds next_pause() {
    const auto now = SteadyClock::now();
    while (!failures_.empty() && now - failures_.front() > kForgiven) failures_.pop_front();
    failures_.push_back(now);
    return std::min(kLongestPause, kFirstPause * (1 << std::min<std::size_t>(failures_.size() - 1, 10)));
  }

  bool stopped_within(milliseconds time) const {
    pollfd waited{stop_.get(), POLLIN, 0};
    return poll(&waited, 1, static_cast<int>(time.count())) > 0;
  }

  MediaCommand command_;
  std::function<void(Health, std::string)> tell_;
  std::deque<SteadyClock::time_point> failures_;
  Fd stop_;
  std::thread thread_;
};

}  // namespace

Expected<MediaCommand> media_command(const Config& config, const ServiceConfig& service, const std::string& directory) {
  MediaCommand command;
  std::error_code error;
  command.program = std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / "zenith-media";
  for (const auto& model : service.models) {
    auto path = resolve_model(model, models_dir(config));
    if (!path) return tl::make_unexpected(path.error());
    command.args.insert(command.args.end(), {"--model", model + "=" + path->string()});
    if (const auto* row = find_in_catalog(model); row != nullptr) {
      command.args.insert(command.args.end(), {"--license", model + "=" + std::string{row->license}});
    }
  }
  Config child = config;
  child.services.clear();
  for (const auto& other : config.services) {
    if (other.role == "router") child.services.push_back(other);
  }
  if (!directory.empty()) child.services.front().endpoint = directory;
  child.services.push_back(service);
  child.lanes.compute = 1;
  command.config = to_toml(child);
  return command;
}

Status media_is_there(const MediaCommand& command) {
  if (access(command.program.c_str(), X_OK) == 0) return {};
  return fail(
      Errc::not_found,
      fmt::format("voice and vision run in zenith-media, and {} is not there or may not be run: build or install it "
                  "(`make build`)",
                  command.program.string()),
      "service.role");
}

Error exec_media(const MediaCommand& command) {
  auto config = config_file(command.config);
  if (!config) return config.error();
  fcntl(config->get(), F_SETFD, 0);
  auto words = words_of(command, config->get());
  execv(command.program.c_str(), pointers(words).data());
  return {Errc::io, fmt::format("{} cannot be run: {}", command.program.string(), reason_of_errno(errno)), {}, {}};
}

std::vector<ServiceConfig> media_services(const Config& config) {
  std::vector<ServiceConfig> out;
  std::copy_if(config.services.begin(), config.services.end(), std::back_inserter(out),
               [](const auto& service) { return messages::in_media(service.role); });
  return out;
}

std::vector<services::ChildService> children_of(const Config& config) {
  std::vector<services::ChildService> out;
  for (const auto& service : media_services(config)) {
    for (const auto& model : service.models) {
      out.push_back({*messages::role_of(service.role),
                     service.models.size() == 1 ? service.id : fmt::format("{}:{}", service.id, model), model});
    }
  }
  return out;
}

Expected<std::vector<std::unique_ptr<MediaChild>>> start_children(const Config& config, const std::string& directory,
                                                                  services::Stack& stack) {
  std::vector<std::unique_ptr<MediaChild>> out;
  for (const auto& service : media_services(config)) {
    auto command = media_command(config, service, directory);
    if (!command) return tl::make_unexpected(command.error());
    Config only;
    only.services = {service};
    out.push_back(MediaChild::start(std::move(*command), [&stack, ids = children_of(only)](auto health, auto detail) {
      for (const auto& child : ids) stack.report_child(child.id, health, detail);
    }));
  }
  return out;
}

std::unique_ptr<MediaChild> MediaChild::start(MediaCommand command, std::function<void(Health, std::string)> tell) {
  return std::make_unique<Kept>(std::move(command), std::move(tell));
}

}  // namespace zenith::tools
