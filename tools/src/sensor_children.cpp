#include "sensor_children.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <set>

namespace zenith::tools {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostFailures = 6, kMostChildren = 64;

std::string names_in(const std::vector<fs::path>& dirs) {
  std::set<std::string> names;
  for (const auto& dir : dirs) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(dir, error)) {
      if (entry.path().extension() == ".so") names.insert(entry.path().stem().string());
    }
  }
  return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

Status host_is_there(const ChildCommand& command) {
  if (access(command.program.c_str(), X_OK) == 0) return {};
  return fail(
      Errc::not_found,
      fmt::format("sensors run in zenith-sensor-host, and {} is not there or may not be run: build or install it",
                  command.program.string()),
      "service.role");
}

fs::path run_dir_of(const Config& config) {
  return config.links.run_dir.empty() ? wire::RunDir::default_path() : fs::path{config.links.run_dir};
}

}  // namespace

std::vector<fs::path> plugin_dirs(const Config& config) {
  std::vector<fs::path> out(config.sensors.dirs.begin(), config.sensors.dirs.end());
  out.push_back(zenith_home() / "plugins");
  out.push_back((program_beside("..") / "lib" / "zenith" / "plugins").lexically_normal());
  return out;
}

Expected<fs::path> find_plugin(const Config& config, const std::string& plugin) {
  std::error_code error;
  if (plugin.find('/') != std::string::npos) {
    if (fs::is_regular_file(plugin, error)) return fs::absolute(plugin);
    return fail(Errc::not_found, fmt::format("there is no plugin at '{}'", plugin), "plugin");
  }
  const auto dirs = plugin_dirs(config);
  for (const auto& dir : dirs) {
    const auto path = dir / (plugin + ".so");
    if (fs::is_regular_file(path, error)) return fs::absolute(path);
  }
  std::vector<std::string> looked;
  for (const auto& dir : dirs) looked.push_back(dir.string());
  return fail(Errc::not_found,
              fmt::format("no plugin is called '{}'; known plugins: {}; looked in {}", plugin, names_in(dirs),
                          fmt::join(looked, ", ")),
              "plugin");
}

std::vector<ServiceConfig> sensor_services(const Config& config) {
  std::vector<ServiceConfig> out;
  std::copy_if(config.services.begin(), config.services.end(), std::back_inserter(out),
               [](const auto& service) { return service.role == "sensor"; });
  return out;
}

Expected<ChildCommand> sensor_command(const Config& config, const ServiceConfig& service,
                                      const std::string& directory) {
  auto plugin = find_plugin(config, service.plugin);
  if (!plugin) return tl::make_unexpected(plugin.error());
  ChildCommand command;
  command.program = program_beside("zenith-sensor-host");
  Config child = config;
  child.services.clear();
  for (const auto& other : config.services) {
    if (other.role == "router") child.services.push_back(other);
  }
  if (!directory.empty()) child.services.front().endpoint = directory;
  child.services.push_back(service);
  child.services.back().plugin = plugin->string();
  child.lanes.compute = 1;
  command.config = to_toml(child);
  return command;
}

Verdict judge_sensor(int status, const services::ChildBoard& board) {
  if (WIFSIGNALED(status)) {
    return {fmt::format("the plugin's process was ended by {} in {}", end_of(status), name_of(board.phase())), true};
  }
  const int code = WEXITSTATUS(status);
  const std::string fault = board.fault();
  if (code == services::kExitRefused) return {fault.empty() ? "the plugin cannot be used" : fault, false};
  if (!fault.empty()) return {fault, true};
  return {fmt::format("the plugin's process ended by {} in {}", end_of(status), name_of(board.phase())), true};
}

SensorChildren::SensorChildren(Config config, std::string directory, services::Stack& stack)
    : config_(std::move(config)),
      directory_(std::move(directory)),
      stack_(stack),
      ends_(services::make_worker("zenith-sensors")) {}

SensorChildren::~SensorChildren() {
  const std::lock_guard lock(mutex_);
  children_.clear();
  ends_->stop();
}

Status SensorChildren::start() {
  const std::lock_guard lock(mutex_);
  for (const auto& service : sensor_services(config_)) {
    if (auto ok = begin(service, std::nullopt); !ok) return ok;
  }
  return {};
}

Status SensorChildren::begin(const ServiceConfig& service, std::optional<wire::Claim> claim) {
  auto command = sensor_command(config_, service, directory_);
  if (!command) return tl::make_unexpected(command.error());
  auto made = services::ChildBoard::create();
  if (!made) return tl::make_unexpected(made.error());
  Child child;
  child.board = std::make_shared<services::ChildBoard>(std::move(*made));
  child.claim = std::move(claim);
  command->board = child.board->fd();
  ChildRules rules;
  rules.most_failures = kMostFailures;
  rules.ready_when_up = true;
  rules.ready_to_start = [command = *command, board = child.board] {
    board->clear_fault();
    board->set_phase(services::SensorPhase::starting);
    return host_is_there(command);
  };
  rules.judge = [board = child.board](int status) { return judge_sensor(status, *board); };
  rules.tell = [&stack = stack_, id = service.id](auto health, auto detail) {
    stack.report_child(id, health, std::move(detail));
  };
  child.process = ChildProcess::start(std::move(*command), std::move(rules));
  children_[service.id] = std::move(child);
  return {};
}

Expected<std::string> SensorChildren::load(const std::string& plugin, const std::string& options) {
  const std::lock_guard lock(mutex_);
  if (children_.size() >= kMostChildren) {
    return fail(Errc::overloaded, fmt::format("{} plugins are loaded, the limit", children_.size()), "plugin");
  }
  if (auto found = find_plugin(config_, plugin); !found) return tl::make_unexpected(found.error());
  auto dir = wire::RunDir::open(run_dir_of(config_));
  if (!dir) return tl::make_unexpected(dir.error());
  ServiceConfig service;
  service.role = "sensor";
  service.plugin = plugin;
  service.options = options;
  for (;;) {
    service.id = fmt::format("sensor-{}", ++numbered_);
    if (children_.contains(service.id)) continue;
    auto claim = dir->claim(service.id);
    if (!claim && claim.error().code == Errc::unavailable && numbered_ < 1000) continue;
    if (!claim) return tl::make_unexpected(claim.error());
    stack_.add_child({messages::Role::sensor, service.id, {}});
    if (auto ok = begin(service, std::move(*claim)); !ok) {
      stack_.remove_child(service.id);
      return tl::make_unexpected(ok.error());
    }
    return service.id;
  }
}

Status SensorChildren::unload(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto it = children_.find(id);
  if (it == children_.end()) {
    std::vector<std::string> known;
    for (const auto& [other, child] : children_) known.push_back(other);
    return fail(Errc::not_found,
                fmt::format("'{}' is no sensor service of this process; there are: {}", id,
                            known.empty() ? "none" : fmt::format("{}", fmt::join(known, ", "))),
                "sensor_id");
  }
  auto child = std::make_shared<Child>(std::move(it->second));
  children_.erase(it);
  return ends_->submit([&stack = stack_, id, child]() mutable {
    child.reset();
    stack.remove_child(id);
  });
}

bool SensorChildren::revive(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto it = children_.find(id);
  if (it == children_.end() || !it->second.process->given_up()) return false;
  it->second.process->revive();
  return true;
}

}  // namespace zenith::tools
