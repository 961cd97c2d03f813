// zenith-sensor-host: the process in which one sensor plugin lives. `zenith` starts it; it joins the graph over links.
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <optional>

#include "conformance.hpp"
#include "runner.hpp"
#include "zenith/core/config.hpp"
#include "zenith/core/log.hpp"
#include "zenith/core/log_level.hpp"
#include "zenith/services/child_beat.hpp"
#include "zenith/services/process_links.hpp"
#include "zenith/services/sensor/sensor_service.hpp"
#include "zenith/services/stack.hpp"

namespace zenith::sensorhost {
namespace {

constexpr auto kDrain = std::chrono::seconds(1), kAnswer = std::chrono::seconds(1);
constexpr std::uint64_t kTestMemory = std::uint64_t{2} << 30;
constexpr rlim_t kFiles = 256;

struct Options {
  std::string config, plugin, options;  ///< config: of a service; plugin: to be tested
  pid_t parent = 0;                     ///< 0: started by hand
  int board = -1, beat = -1;            ///< descriptors of the parent's; -1: none
  int read_ms = 2000;
};

template <class Number>
bool read_number(std::string_view text, Number& out) {
  return std::from_chars(text.data(), text.data() + text.size(), out).ec == std::errc{};
}

Expected<Options> parse(int argc, char** argv) {
  Options out;
  bool good = argc % 2 == 1;
  for (int i = 1; i + 1 < argc && good; i += 2) {
    const std::string_view flag = argv[i], value = argv[i + 1];
    if (flag == "--config") {
      out.config = value;
    } else if (flag == "--test") {
      out.plugin = value;
    } else if (flag == "--options") {
      out.options = value;
    } else {
      good = (flag == "--parent" && read_number(value, out.parent)) ||
             (flag == "--board" && read_number(value, out.board)) ||
             (flag == "--beat" && read_number(value, out.beat)) ||
             (flag == "--read-ms" && read_number(value, out.read_ms) && out.read_ms >= 100 && out.read_ms <= 60'000);
    }
  }
  if (!good || out.config.empty() == out.plugin.empty()) {
    return fail(Errc::invalid_argument,
                "usage: zenith-sensor-host --config FILE, or --test PLUGIN.so [--options JSON] [--read-ms MS]; `zenith "
                "serve` and `zenith sensors test` start it with what it needs");
  }
  return out;
}

/// Before any code of the plugin runs.
Status limit_self(pid_t parent, std::uint64_t memory) {
  if (parent != 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) return fail(Errc::unavailable, "the process that started this one has gone");
  }
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  const rlimit addresses{memory, memory}, no_core{0, 0}, files{kFiles, kFiles};
  setrlimit(RLIMIT_AS, &addresses);
  setrlimit(RLIMIT_CORE, &no_core);
  setrlimit(RLIMIT_NOFILE, &files);
  return {};
}

/// The only sensor service of the configuration. @returns invalid_argument.
Expected<ServiceConfig*> only_service(Config& config) {
  ServiceConfig* found = nullptr;
  for (auto& service : config.services) {
    if (service.role != "sensor") continue;
    if (found != nullptr)
      return fail(Errc::invalid_argument, "one zenith-sensor-host runs one sensor service", "service");
    found = &service;
  }
  if (found == nullptr || found->plugin.empty()) {
    return fail(Errc::invalid_argument, "the configuration has no sensor service with a plugin", "service.plugin");
  }
  return found;
}

/// How the plugin's refusal ends the process.
struct Refused {
  Error why;
  int status = services::kExitFault;
};

Expected<void> serve(const Options& options, services::ChildBoard& board, std::optional<Refused>& refused) {
  auto config = load_config(options.config, [](const std::string&) { return std::nullopt; });
  if (!config) return tl::make_unexpected(config.error());
  if (auto ok = limit_self(options.parent, config->sensors.memory_bytes); !ok) return ok;
  set_log_level(log_level_of(config->log.level));
  auto service = only_service(*config);
  if (!service) return tl::make_unexpected(service.error());
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);
  signal(SIGPIPE, SIG_IGN);

  Watchdog watchdog{board};
  auto plugin = Plugin::load(
      (*service)->plugin, [&](SensorPhase phase, std::chrono::milliseconds limit) { watchdog.on_call(phase, limit); });
  if (!plugin) {
    refused = Refused{plugin.error(), services::kExitRefused};
    return tl::make_unexpected(plugin.error());
  }
  auto runner = Runner::start(std::move(*plugin), **service, board);
  if (!runner) {
    refused = Refused{runner.error(), services::kExitFault};
    return tl::make_unexpected(runner.error());
  }
  const auto sources = Runner::sources(*runner);
  for (const auto& source : sources) (*service)->models.push_back(source->channel().id);

  const auto effects = system_effects();
  auto links = services::join(
      *config, {.roles = {messages::Role::sensor}, .version = ZENITH_VERSION, .claim = options.parent == 0}, *effects);
  if (!links) return tl::make_unexpected(links.error());
  MemoryLedger ledger{config->sensors.memory_bytes};
  Metrics metrics;
  services::SensorLimits limits;
  limits.ring = {std::chrono::seconds(config->sensors.window_s), config->sensors.window_bytes};
  services::StackOptions stack_options;
  stack_options.config = *config;
  stack_options.placement = (*links)->placement;
  stack_options.find = [](const std::string&) { return std::filesystem::path{}; };
  stack_options.hosted = [sources, limits](const services::HostedSpec& spec,
                                           const std::filesystem::path&) -> Expected<services::HostedService> {
    for (const auto& source : sources) {
      if (source->channel().id == spec.name) return services::hosted_sensor(source, limits);
    }
    return fail(Errc::not_found, "the plugin has no sensor " + spec.name, "model");
  };
  auto stack = services::Stack::start(std::move(stack_options), *effects, ledger, metrics);
  if (!stack) return tl::make_unexpected(stack.error());
  services::beat_until(stop, options.beat, [&] { return (*stack)->answers(kAnswer); });
  (*stack)->drain(Deadline{effects->clock().now() + kDrain});
  (*stack)->stop();
  return {};
}

int run(int argc, char** argv) {
  const auto options = parse(argc, argv);
  if (!options) {
    std::fprintf(stderr, "zenith-sensor-host: %s\n", options.error().message.c_str());
    return 2;
  }
  auto board = options->board >= 0 ? services::ChildBoard::open(options->board) : services::ChildBoard::create();
  if (!board) {
    std::fprintf(stderr, "zenith-sensor-host: %s\n", board.error().message.c_str());
    return 1;
  }
  if (!options->plugin.empty()) {
    if (auto ok = limit_self(options->parent, kTestMemory); !ok) return 1;
    set_log_level(LogLevel::off);
    const ConformanceOptions test{options->plugin, options->options, std::chrono::milliseconds(options->read_ms)};
    return test_plugin(test, *board) ? 0 : 1;
  }
  std::optional<Refused> refused;
  const auto result = serve(*options, *board, refused);
  if (result) return 0;
  board->set_fault(result.error().message);
  std::fprintf(stderr, "zenith-sensor-host: %s\n", result.error().message.c_str());
  if (refused) return refused->status;
  return result.error().code == Errc::invalid_argument ? 2 : 1;
}

}  // namespace
}  // namespace zenith::sensorhost

int main(int argc, char** argv) {
  int status = 1;
  try {
    status = zenith::sensorhost::run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "zenith-sensor-host: a fault in zenith itself: %s\n", e.what());
  }
  std::fflush(nullptr);
  _exit(status);  // what a plugin left running must not keep the process
}
