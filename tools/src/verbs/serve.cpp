#include <fmt/core.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <iterator>
#include <optional>
#include <set>
#include <thread>

#include "default_services.hpp"
#include "local_model.hpp"
#include "media_child.hpp"
#include "sensor_children.hpp"
#include "serve_config.hpp"
#include "signals.hpp"
#include "verb.hpp"
#include "verbs/pull_options.hpp"
#include "voice_activity.hpp"
#include "zenith/core/log_level.hpp"
#include "zenith/messages/roles.hpp"
#include "zenith/services/process_links.hpp"
#include "zenith/services/recording/recording_port.hpp"
#include "zenith/services/stack.hpp"
#include "zenith/tools/catalog.hpp"
#include "zenith/tools/model_files.hpp"

namespace zenith::tools {
namespace {

using std::chrono::seconds;

/// Every model lies there before anything listens. No thread runs yet: pull forks.
Status fetch_models(const Config& config, bool offline) {
  auto options = pull_options_from(config);
  const auto progress = make_progress(OffTerminal::lines);
  for (const auto& model : wanted_models(config)) {
    if (const auto found = resolve_model(model, options.models_dir)) continue;
    if (offline || find_in_catalog(model) == nullptr) {
      auto error = resolve_model(model, options.models_dir).error();
      if (offline) error.message += " (--offline forbids to fetch it)";
      return tl::make_unexpected(error);
    }
    if (const auto pulled = pull(model, options, *progress); !pulled) return tl::make_unexpected(pulled.error());
  }
  return {};
}

std::string url_of(const Config& config, std::uint16_t port) {
  std::string host = config.server.listen.substr(0, config.server.listen.rfind(':'));
  if (host == "0.0.0.0" || host == "[::]") host = "127.0.0.1";
  return (config.server.tls_cert.empty() ? "http://" : "https://") + host + ":" + std::to_string(port);
}

/// The last lines of a good start: what to open and what to curl.
std::string greeting(const Config& config, const gateway::ServerOptions& options, std::uint16_t port) {
  const std::string url = url_of(config, port);
  const std::string key = options.keys ? " -H 'Authorization: Bearer YOUR_KEY'" : "";
  return fmt::format(
      "Zenith is ready. Open {}/ or try:\n"
      "  curl {}/v1/chat/completions{} -H 'Content-Type: application/json' -d "
      "'{{\"model\":\"{}\",\"messages\":[{{\"role\":\"user\","
      "\"content\":\"Hello\"}}]}}'\n",
      url, url, key, options.default_model);
}

/// The certificate is read anew even when its path is the same: that is how it is renewed.
void reload_tls(const Config& fresh, Config& config, gateway::Server* server) {
  if (server == nullptr || config.server.tls_cert.empty() || fresh.server.tls_cert.empty()) return;
  if (const auto ok = server->reload_tls({fresh.server.tls_cert, fresh.server.tls_key}); !ok) {
    return log(LogLevel::error, "serve", "the new TLS certificate is wrong: the old one stays",
               {{"reason", ok.error().message}});
  }
  config.server.tls_cert = fresh.server.tls_cert;
  config.server.tls_key = fresh.server.tls_key;
  log(LogLevel::info, "serve", "TLS certificate reloaded", {{"file", config.server.tls_cert}});
}

/// SIGHUP: the log's level follows the file and the TLS certificate is read anew; what else changed needs a restart,
/// and a wrong file changes nothing.
void reload(const ServeOptions& options, Config& config, gateway::Server* server) {
  auto fresh = serve_config(options, environment);
  if (!fresh) {
    log(LogLevel::error, "serve", "the new configuration is wrong: the old one stays",
        {{"reason", fresh.error().message}});
    return;
  }
  config.log.level = fresh->log.level;
  set_log_level(log_level_of(config.log.level));
  reload_tls(*fresh, config, server);
  const bool rest_is_same = to_toml(*fresh) == to_toml(config);
  log(LogLevel::info, "serve",
      rest_is_same ? "configuration reloaded" : "log.level is reloaded; the other changes need a restart",
      {{"level", config.log.level}});
}

/// Waits for the models beside the server, which answers 503 meanwhile.
class Loading {
 public:
  Loading(services::Stack& stack, const Event& done)
      : thread_([this, &stack, &done] {
          // In slices, so that a stop is seen.
          for (;;) {
            result_ = stack.wait_loaded(seconds{1});
            if (result_ || result_.error().code != Errc::deadline || stop_) break;
          }
          done.raise();
        }) {}
  ~Loading() { join(); }
  void stop() { stop_ = true; }
  const Status& join() {
    if (thread_.joinable()) thread_.join();
    return result_;
  }

 private:
  std::atomic<bool> stop_{false};
  Status result_;
  std::thread thread_;
};

/// What a process serves over: HTTP, links, or both.
struct Front {
  gateway::Server* server = nullptr;  ///< null without the role gateway
  std::string greeting;               ///< printed once the models are loaded
};

/// Runs until a signal says stop. @returns why loading failed, if it did.
Status run_until_stopped(const ServeOptions& options, Config config, const Front& front, const Signals& signals,
                         services::Stack& stack, const Clock& clock) {
  const Event loaded, ended;
  std::thread serving;
  if (front.server != nullptr) {
    serving = std::thread{[&] {
      front.server->run();
      ended.raise();
    }};
  }
  Loading loading{stack, loaded};
  Status result;
  bool stopping = false, waiting_for_models = true;
  const auto stop = [&](seconds drain) {
    if (std::exchange(stopping, true)) return;
    loading.stop();
    if (front.server != nullptr) return front.server->stop(drain);
    serving = std::thread{[&stack, &clock, &ended, drain] {
      stack.drain(Deadline{clock.now() + drain});
      ended.raise();
    }};
  };
  for (bool running = true; running;) {
    std::array<pollfd, 3> waited{{{signals.fd(), POLLIN, 0}, {loaded.fd(), POLLIN, 0}, {ended.fd(), POLLIN, 0}}};
    if (poll(waited.data(), waited.size(), -1) < 0 && errno != EINTR) break;
    running = (waited[2].revents & POLLIN) == 0;
    if ((waited[1].revents & POLLIN) != 0 && waiting_for_models) {
      waiting_for_models = false;
      loaded.clear();
      const Status& status = loading.join();
      if (status) {
        if (auto ok = print(front.greeting); !ok) log(LogLevel::warn, "serve", ok.error().message);
      } else if (!stopping) {
        result = status;
        stop(seconds{0});
      }
    }
    while (const int signal = signals.take()) {
      if (signal == SIGHUP) {
        reload(options, config, front.server);
      } else if (stopping) {
        log(LogLevel::warn, "serve", "second signal: stopping at once");
        die_of(signal);
      } else {
        log(LogLevel::info, "serve", "draining", {{"drain_s", config.server.drain_s}});
        stop(seconds{config.server.drain_s});
      }
    }
  }
  serving.join();
  return result;
}

/// The configuration as this process runs it: without the services of other processes.
Config local_part(const Config& config, const std::set<messages::Role>& roles) {
  Config local = config;
  std::erase_if(local.services, [&](const auto& service) {
    const auto role = messages::role_of(service.role);
    return role && *role != messages::Role::gateway && *role != messages::Role::router && !roles.contains(*role);
  });
  return local;
}

/// `zenith serve voice` and `zenith serve vision`: this process becomes zenith-media. @returns why it cannot.
Status become_media(const Config& config, const std::set<messages::Role>& roles) {
  auto services = media_services(config);
  std::erase_if(services, [&](const auto& service) { return !roles.contains(*messages::role_of(service.role)); });
  if (services.size() != 1) {
    return fail(Errc::invalid_argument,
                fmt::format("the configuration has {} services of that role and a zenith-media started by hand runs "
                            "exactly one: --id chooses it",
                            services.size()),
                "role");
  }
  const auto command = media_command(config, services.front(), {});
  if (!command) return tl::make_unexpected(command.error());
  if (auto ok = media_is_there(*command); !ok) return ok;
  return tl::make_unexpected(become_child(*command));
}

/// `zenith serve sensor`: this process becomes zenith-sensor-host. @returns why it cannot.
Status become_sensor(const Config& config) {
  const auto services = sensor_services(config);
  if (services.size() != 1) {
    return fail(
        Errc::invalid_argument,
        fmt::format("the configuration has {} sensor services and a zenith-sensor-host started by hand runs exactly "
                    "one: --id chooses it",
                    services.size()),
        "role");
  }
  const auto command = sensor_command(config, services.front(), {});
  if (!command) return tl::make_unexpected(command.error());
  return tl::make_unexpected(become_child(*command));
}

/// --record; null without it. @returns invalid_argument, io.
Expected<std::shared_ptr<services::Recorder>> open_recorder(const ServeOptions& options, bool gateway,
                                                            Metrics& metrics) {
  if (!options.record) return nullptr;
  if (!gateway) {
    return fail(Errc::invalid_argument,
                "--record writes what comes through the gateway: give it to the process of that role", "record");
  }
  return services::Recorder::create(*options.record, metrics);
}

Status serve(const ServeOptions& options, const Context&) {
  auto config = serve_config(options, environment);
  if (!config) return tl::make_unexpected(config.error());
  if (options.print_config) return print(to_toml(*config));
  set_log_level(log_level_of(config->log.level));
  if (auto ok = restrict_kernels(); !ok) return ok;
  if (auto ok = keep_ids(*config, options.ids); !ok) return ok;
  auto roles = services::roles_of(options.roles, *config);
  const bool gateway = roles.contains(messages::Role::gateway);
  Expected<gateway::ServerOptions> server_options;
  if (gateway) server_options = tools::server_options(*config);  // its keys are for this role only
  if (!server_options) return tl::make_unexpected(server_options.error());
  if (auto ok = fetch_models(local_part(*config, roles), options.offline); !ok) return ok;
  std::set<messages::Role> media;
  std::copy_if(roles.begin(), roles.end(), std::inserter(media, media.end()),
               [](auto role) { return messages::in_media(role); });
  std::erase_if(roles, [](auto role) { return messages::in_media(role); });
  const bool senses = roles.erase(messages::Role::sensor) > 0;
  if (roles.empty()) return senses && media.empty() ? become_sensor(*config) : become_media(*config, media);

  // From here on threads start. A client that goes away must not end the process.
  signal(SIGPIPE, SIG_IGN);
  auto signals = Signals::block({SIGTERM, SIGINT, SIGHUP});
  if (!signals) return tl::make_unexpected(signals.error());
  const auto effects = system_effects();
  auto links = services::join(
      *config,
      {.roles = roles, .version = ZENITH_VERSION, .children = !media.empty() || senses || config->sensors.load},
      *effects);
  if (!links) return tl::make_unexpected(links.error());
  MemoryLedger ledger{memory_budget(*config)};
  Metrics metrics;
  services::StackOptions stack_options;
  stack_options.config = local_part(*config, roles);
  stack_options.find = [dir = models_dir(*config)](const std::string& name) { return resolve_model(name, dir); };
  stack_options.license = [](const std::string& name) {
    const CatalogRow* row = find_in_catalog(name);
    return row == nullptr ? std::string{} : std::string{row->license};
  };
  auto recorder = open_recorder(options, gateway, metrics);
  if (!recorder) return tl::make_unexpected(recorder.error());
  if (*links) stack_options.placement = (*links)->placement;
  if (!media.empty()) stack_options.children = children_of(*config);
  if (senses) {
    for (const auto& service : sensor_services(*config)) {
      stack_options.children.push_back({messages::Role::sensor, service.id, {}});
    }
  }
  auto stack = services::Stack::start(std::move(stack_options), *effects, ledger, metrics);
  if (!stack) return tl::make_unexpected(stack.error());
  std::optional<services::RecordingPort> recording;
  if (*recorder) recording.emplace((*stack)->port(), *recorder, *effects);
  gateway::Port& port = recording ? static_cast<gateway::Port&>(*recording) : (*stack)->port();
  Front front;
  std::unique_ptr<gateway::Server> server;
  if (gateway) {
    auto activity = find_voice_activity(models_dir(*config));
    if (!activity) return tl::make_unexpected(activity.error());
    server_options->voice_activity = std::move(*activity);
    auto listening = gateway::Server::listen(*server_options, port, *effects, metrics);
    if (!listening) return tl::make_unexpected(listening.error());
    server = std::move(*listening);
    front.server = server.get();
    front.greeting = greeting(*config, *server_options, server->port());
    if (options.roles.empty()) front.greeting += roles_text(*config);
    log(LogLevel::info, "serve", "listening", {{"address", config->server.listen}, {"port", server->port()}});
  } else {
    front.greeting = fmt::format("Zenith {} is ready at {}\n", fmt::join(options.roles, ", "), (*links)->endpoint);
  }
  Expected<std::vector<MediaChild>> children;
  if (!media.empty()) children = start_children(*config, (*links)->placement.directory_endpoint, **stack);
  if (!children) return tl::make_unexpected(children.error());
  (*stack)->set_starter([&children](const std::string& id) { wake_child(*children, id); });
  std::optional<SensorChildren> sensors;
  if (senses || (config->sensors.load && *links)) {
    sensors.emplace(*config, (*links)->placement.directory_endpoint, **stack);
    if (auto ok = senses ? sensors->start() : Status{}; !ok) return ok;
    (*stack)->set_sensor_processes(&*sensors);
  }
  const Status result = run_until_stopped(options, *config, front, *signals, **stack, effects->clock());
  (*stack)->set_sensor_processes(nullptr);
  (*stack)->set_starter(nullptr);
  (*stack)->drain(Deadline{effects->clock().now() + seconds{1}});  // what ends from here on ends because of this one
  sensors.reset();
  children->clear();
  (*stack)->stop();
  if (*recorder) (*recorder)->close(seconds{5});
  if (result) log(LogLevel::info, "serve", "stopped");
  return result;
}

}  // namespace

Action add_serve(CLI::App& app) {
  auto options = std::make_shared<ServeOptions>();
  app.add_option("ROLE", options->roles,
                 served_roles() +
                     ": what this process is; default all that the configuration has, in one process (voice, vision "
                     "and sensors in children of it)");
  app.add_option("--config", options->config_file, "a TOML file; --print-config shows every key");
  app.add_option("--listen", options->listen, "host:port; server.listen");
  app.add_option("--model", options->models,
                 "serve this model (name or path) instead of the configured ones; may be repeated");
  app.add_option("--id", options->ids,
                 "of the configuration's services of a role, serve only the one with this id; may be repeated");
  app.add_option(
      "--record", options->record,
      "write every request and its answer to this new file, as JSON lines that can be replayed; it holds the "
      "prompts and texts themselves, so only its owner may read it (mode 0600)");
  app.add_flag("--offline", options->offline, "never fetch a model");
  app.add_flag("--print-config", options->print_config, "print what would run, as TOML, and end");
  return [options](const Context& context) { return serve(*options, context); };
}

}  // namespace zenith::tools
