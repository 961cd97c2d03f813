// The processes of sensor plugins as children of this one.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "child_process.hpp"
#include "zenith/core/config.hpp"
#include "zenith/core/error.hpp"
#include "zenith/services/graph_port.hpp"
#include "zenith/services/lane.hpp"
#include "zenith/services/sensor/child_board.hpp"
#include "zenith/services/stack.hpp"
#include "zenith/wire/run_dir.hpp"

namespace zenith::tools {

/// Where plugins are looked for by name, in order: sensors.dirs, $ZENITH_HOME/plugins, those installed with this
/// program.
std::vector<std::filesystem::path> plugin_dirs(const Config& config);

/// A path (with a slash) as it is, a name as NAME.so in the folders; absolute. @returns not_found listing the names
/// there are.
Expected<std::filesystem::path> find_plugin(const Config& config, const std::string& plugin);

/// `service` of `config` in a process of its own. @param directory where it dials the directory; empty: as configured.
Expected<ChildCommand> sensor_command(const Config& config, const ServiceConfig& service, const std::string& directory);

std::vector<ServiceConfig> sensor_services(const Config& config);

/// What a plugin's process died of, in words. @returns again: false where another start would end the same way.
Verdict judge_sensor(int wait_status, const services::ChildBoard& board);

/// Any thread.
class SensorChildren final : public services::SensorProcesses {
 public:
  /// @param stack outlives it, and knows the configured services as children already.
  SensorChildren(Config config, std::string directory, services::Stack& stack);
  ~SensorChildren() override;  ///< stops them all
  /// Starts those of the configuration. @returns not_found naming a plugin.
  Status start();

  Expected<std::string> load(const std::string& plugin, const std::string& options) override;
  Status unload(const std::string& service_id) override;
  bool revive(const std::string& service_id) override;

 private:
  struct Child {
    std::shared_ptr<services::ChildBoard> board;
    std::optional<wire::Claim> claim;  ///< of those that came at run time
    std::unique_ptr<ChildProcess> process;
  };
  Status begin(const ServiceConfig& service, std::optional<wire::Claim> claim);

  Config config_;
  std::string directory_;
  services::Stack& stack_;
  std::mutex mutex_;
  std::map<std::string, Child> children_;  // by service id
  std::size_t numbered_ = 0;
  std::unique_ptr<services::Worker> ends_;  // what stops a child may take seconds
};

}  // namespace zenith::tools
