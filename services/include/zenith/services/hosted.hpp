// What a process that links libraries of its own brings to the graph: services that the stack runs without knowing
// them.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "zenith/actors/actor.hpp"
#include "zenith/core/effects.hpp"
#include "zenith/core/error.hpp"
#include "zenith/messages/directory.hpp"
#include "zenith/services/lane.hpp"
#include "zenith/services/load_cell.hpp"

namespace zenith::services {

/// One model of one such service.
struct HostedSpec {
  messages::Role role = messages::Role::voice;
  std::string name;        ///< of the model, as requests name it
  std::string service_id;  ///< unique
  std::size_t queue = 0;   ///< requests open at once
};

/// What its actor works with; all of it outlives the actor.
struct HostedSetup {
  Worker* worker = nullptr;  ///< of a role of media, its own: work takes it for as long as it needs
  Effects* effects = nullptr;
  LoadCell* load = nullptr;
  std::size_t queue = 0;
  /// How the service is, when that changes while it runs. Must return at once.
  std::function<void(messages::Health, std::string detail, std::function<void(messages::ModelEntry&)> change)> report{};
};

struct HostedService {
  messages::ModelEntry entry;  ///< without name, licence and time
  /// Called again after a failure: what it makes shares what was loaded.
  std::function<std::unique_ptr<actors::Behaviour>(const HostedSetup&)> make;
};

/// Loads what lies at `path`. On the loader's thread. @returns bad_file and not_found naming the file.
using HostedLoader = std::function<Expected<HostedService>(const HostedSpec& spec, const std::filesystem::path& path)>;

}  // namespace zenith::services
