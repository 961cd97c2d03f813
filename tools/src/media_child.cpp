#include "media_child.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <optional>

#include "zenith/messages/roles.hpp"
#include "zenith/tools/catalog.hpp"
#include "zenith/tools/model_files.hpp"

namespace zenith::tools {
namespace {

std::optional<messages::ModelEntry> entry_of(const std::string& model) {
  const CatalogRow* row = find_in_catalog(model);
  if (row == nullptr) return std::nullopt;
  messages::ModelEntry entry;
  entry.name = model;
  entry.license = row->license;
  if (row->kind == "speech") {
    entry.kind = messages::ModelKind::speech;
    entry.input_modalities = {"text"};
    entry.output_modalities = {"audio"};
    entry.voices.assign(row->voices.begin(), row->voices.end());
    entry.language = row->language;
    entry.sample_rate = row->sample_rate;
  } else if (row->kind == "transcription") {
    entry.kind = messages::ModelKind::transcription;
    entry.input_modalities = {"audio"};
    entry.output_modalities = {"text"};
  } else if (row->kind == "vision") {
    entry.kind = messages::ModelKind::vision;
    entry.input_modalities = {"image"};
    entry.output_modalities = {"text"};
  } else {
    return std::nullopt;
  }
  return entry;
}

}  // namespace

Expected<ChildCommand> media_command(const Config& config, const ServiceConfig& service, const std::string& directory) {
  ChildCommand command;
  command.program = program_beside("zenith-media");
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
  command.config = to_toml(child);
  return command;
}

Status media_is_there(const ChildCommand& command) {
  if (access(command.program.c_str(), X_OK) == 0) return {};
  return fail(
      Errc::not_found,
      fmt::format("voice and vision run in zenith-media, and {} is not there or may not be run: build or install it "
                  "(`make build`)",
                  command.program.string()),
      "service.role");
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
                     service.models.size() == 1 ? service.id : fmt::format("{}:{}", service.id, model), model,
                     service.start == "first_use" ? entry_of(model) : std::nullopt});
    }
  }
  return out;
}

void wake_child(const std::vector<MediaChild>& children, const std::string& service_id) {
  for (const auto& child : children) {
    const bool its = std::any_of(child.services.begin(), child.services.end(),
                                 [&](const auto& service) { return service.id == service_id; });
    if (its) child.process->revive();
  }
}

Expected<std::vector<MediaChild>> start_children(const Config& config, const std::string& directory,
                                                 services::Stack& stack) {
  std::vector<MediaChild> out;
  for (const auto& service : media_services(config)) {
    auto command = media_command(config, service, directory);
    if (!command) return tl::make_unexpected(command.error());
    Config only;
    only.services = {service};
    ChildRules rules;
    rules.ready_to_start = [command = *command] { return media_is_there(command); };
    rules.on_demand = service.start == "first_use";
    const auto services = children_of(only);
    rules.tell = [&stack, services](auto health, auto detail) {
      for (const auto& child : services) stack.report_child(child.id, health, detail);
    };
    out.push_back({services, ChildProcess::start(std::move(*command), std::move(rules))});
  }
  return out;
}

}  // namespace zenith::tools
