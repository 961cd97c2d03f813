// zenith-media: the process in which the media libraries live. `zenith` starts it; it joins the graph over links.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "hosted.hpp"
#include "sandbox.hpp"
#include "watchdog.hpp"
#include "zenith/core/config.hpp"
#include "zenith/core/log.hpp"
#include "zenith/core/log_level.hpp"
#include "zenith/messages/roles.hpp"
#include "zenith/services/child_beat.hpp"
#include "zenith/services/lane.hpp"
#include "zenith/services/process_links.hpp"
#include "zenith/services/stack.hpp"

namespace zenith::mediahost {
namespace {

constexpr std::uint64_t kMemory = std::uint64_t{6} << 30;  // of addresses; a voice takes about 400 MB of it in earnest
constexpr int kReaders = 2;                                // threads that read one picture, if there are as many
constexpr int kStuck = 3;                                  // exit status
constexpr auto kDrain = std::chrono::seconds(2), kAnswer = std::chrono::seconds(1);

struct Options {
  std::string config;
  pid_t parent = 0;  ///< 0: started by hand
  int beat = -1;     ///< a descriptor of the parent's; -1: none
  std::map<std::string, std::string> models, licenses;
};

template <class Number>
bool read_number(std::string_view text, Number& out) {
  return std::from_chars(text.data(), text.data() + text.size(), out).ec == std::errc{};
}

Expected<Options> parse(int argc, char** argv) {
  Options out;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view flag = argv[i], value = argv[i + 1];
    const auto equals = value.find('=');
    if (flag == "--config") {
      out.config = value;
    } else if ((flag == "--parent" && read_number(value, out.parent)) ||
               (flag == "--beat" && read_number(value, out.beat))) {
      continue;
    } else if ((flag == "--model" || flag == "--license") && equals != std::string_view::npos) {
      auto& map = flag == "--model" ? out.models : out.licenses;
      map[std::string{value.substr(0, equals)}] = value.substr(equals + 1);
    } else {
      return fail(Errc::invalid_argument, "unknown option " + std::string{flag});
    }
  }
  if (out.config.empty() || argc % 2 == 0) {
    return fail(
        Errc::invalid_argument,
        "usage: zenith-media --config FILE --model NAME=PATH [--license NAME=TEXT] [--parent PID]; `zenith serve "
        "voice` and `zenith serve vision` start it with what it needs");
  }
  return out;
}

/// Threads inherit what is set here.
Status limit_self(pid_t parent) {
  if (parent != 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) return fail(Errc::unavailable, "the process that started this one has gone");
  }
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  const rlimit memory{kMemory, kMemory}, no_core{0, 0};
  setrlimit(RLIMIT_AS, &memory);
  setrlimit(RLIMIT_CORE, &no_core);
  return {};
}

template <class Map>
auto finder(const Map& models) {
  return [models](const std::string& name) -> Expected<std::filesystem::path> {
    const auto at = models.find(name);
    if (at == models.end()) return fail(Errc::not_found, "no --model says where '" + name + "' lies", "model");
    return std::filesystem::path{at->second};
  };
}

bool over_tcp(const Config& config) {
  return std::any_of(config.services.begin(), config.services.end(), [](const auto& service) {
    return service.endpoint.starts_with("tcp://") || service.bind.starts_with("tcp://");
  });
}

std::set<messages::Role> media_roles(const Config& config) {
  auto roles = services::roles_of({}, config);
  std::erase_if(roles, [](auto role) { return !messages::in_media(role); });
  return roles;
}

Status run(int argc, char** argv) {
  const auto options = parse(argc, argv);
  if (!options) return tl::make_unexpected(options.error());
  if (auto ok = limit_self(options->parent); !ok) return ok;
  // Who started this process has merged flags, environment and file already.
  auto config = load_config(options->config, [](const std::string&) { return std::nullopt; });
  if (!config) return tl::make_unexpected(config.error());
  set_log_level(log_level_of(config->log.level));
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);
  signal(SIGPIPE, SIG_IGN);

  // Before the first thread: all of them inherit it.
  if (auto ok = enter_sandbox(over_tcp(*config)); !ok) log(LogLevel::warn, "media", ok.error().message);
  const auto effects = system_effects();
  auto links = services::join(
      *config, {.roles = media_roles(*config), .version = ZENITH_VERSION, .claim = options->parent == 0}, *effects);
  if (!links) return tl::make_unexpected(links.error());
  MemoryLedger ledger{kMemory};
  Metrics metrics;
  services::StackOptions stack_options;
  stack_options.config = *config;
  stack_options.placement = (*links)->placement;
  stack_options.find = finder(options->models);
  stack_options.config.lanes.compute = 1;  // its lane is for text, which is not here
  const Share share{static_cast<int>(config->lanes.media_nice), std::min(kReaders, services::compute_threads(*config))};
  stack_options.hosted = [share](const auto& spec, const auto& path) { return load_hosted(spec, path, share); };
  const auto watchdog = Watchdog::start({}, share.nice, [](const std::string& worker) {
    log(LogLevel::error, "media", "a job does not come to its end: this process ends", {{"service", worker}});
    std::_Exit(kStuck);
  });
  stack_options.hosted_worker = [&](const std::string& name) { return watchdog->worker(name); };
  stack_options.license = [licenses = options->licenses](const std::string& name) {
    const auto at = licenses.find(name);
    return at == licenses.end() ? std::string{} : at->second;
  };
  auto stack = services::Stack::start(std::move(stack_options), *effects, ledger, metrics);
  if (!stack) return tl::make_unexpected(stack.error());
  services::beat_until(stop, options->beat, [&] { return (*stack)->answers(kAnswer); });
  (*stack)->drain(Deadline{effects->clock().now() + kDrain});
  (*stack)->stop();
  return {};
}

}  // namespace
}  // namespace zenith::mediahost

int main(int argc, char** argv) {
  try {
    const auto result = zenith::mediahost::run(argc, argv);
    if (result) return 0;
    std::fprintf(stderr, "zenith-media: %s\n", result.error().message.c_str());
    return result.error().code == zenith::Errc::invalid_argument ? 2 : 1;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "zenith-media: a fault in zenith itself: %s\n", e.what());
    return 1;
  }
}
