#include "default_services.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>

#include "child_process.hpp"
#include "sensor_children.hpp"
#include "zenith/messages/roles.hpp"
#include "zenith/tools/catalog.hpp"
#include "zenith/tools/model_files.hpp"

namespace zenith::tools {
namespace {

constexpr const char* kTelemetry = "host_telemetry";

bool is_built(const char* program) { return access(program_beside(program).c_str(), X_OK) == 0; }

bool is_here(const Config& config, const CatalogRow& row) {
  const auto found = [&](std::string_view name) {
    return resolve_model(std::string{name}, models_dir(config)).has_value();
  };
  return found(row.name) && (row.needs.empty() || found(row.needs));
}

std::string default_id(const CatalogRow& row) {
  if (row.kind == "transcription") return "ears";
  if (row.kind == "vision") return "vision";
  return row.is_default ? "voice" : fmt::format("voice-{}", row.name);
}

/// Of one kind, in the order of the configuration.
std::vector<std::string> models_of(const Config& config, std::string_view kind) {
  std::vector<std::string> out;
  for (const auto& service : config.services) {
    for (const auto& model : service.models) {
      const CatalogRow* row = find_in_catalog(model);
      if (row != nullptr && row->kind == kind) {
        out.push_back(model + (service.start == "first_use" ? " (starts with the first request)" : ""));
      }
    }
  }
  return out;
}

/// Why nobody does it, and the command that changes that.
std::string off(const Config& config, std::string_view kind) {
  if (!is_built("zenith-media")) return "off: zenith-media is not beside zenith (`make build` makes it)";
  const auto row = std::find_if(catalog().begin(), catalog().end(),
                                [&](const auto& one) { return one.kind == kind && one.is_default; });
  if (is_here(config, *row)) return fmt::format("off: the configuration has no service with model {}", row->name);
  return fmt::format("off: `zenith pull {}` and a new start turn it on", row->name);
}

std::string sensors_text(const Config& config) {
  std::vector<std::string> plugins;
  for (const auto& service : sensor_services(config)) plugins.push_back(service.plugin);
  if (!plugins.empty()) return fmt::format("{}", fmt::join(plugins, ", "));
  if (!is_built("zenith-sensor-host")) return "off: zenith-sensor-host is not beside zenith (`make build` makes it)";
  if (const auto found = find_plugin(config, kTelemetry); !found) return "off: " + found.error().message;
  return "off: the configuration has no service with role sensor";
}

}  // namespace

std::vector<ServiceConfig> default_services(const Config& config) {
  std::vector<ServiceConfig> out;
  for (const auto& row : catalog()) {
    const bool media = row.kind == "speech" || row.kind == "transcription" || row.kind == "vision";
    if (!media || (!row.is_default && row.kind != "speech")) continue;
    if (!is_built("zenith-media") || !is_here(config, row)) continue;
    ServiceConfig service;
    service.role = row.kind == "vision" ? "vision" : "voice";
    service.id = default_id(row);
    service.models.emplace_back(row.name);
    service.start = "first_use";
    out.push_back(std::move(service));
  }
  if (is_built("zenith-sensor-host") && find_plugin(config, kTelemetry)) {
    ServiceConfig service;
    service.role = "sensor";
    service.id = "telemetry";
    service.plugin = kTelemetry;
    out.push_back(std::move(service));
  }
  return out;
}

std::string roles_text(const Config& config) {
  std::vector<std::string> texts;
  for (const auto& service : config.services) {
    if (service.role == "text") texts.insert(texts.end(), service.models.begin(), service.models.end());
  }
  std::string out = fmt::format("  text           {}\n", fmt::join(texts, ", "));
  for (const auto& [what, kind] :
       {std::pair{"speech", "speech"}, {"transcription", "transcription"}, {"pictures", "vision"}}) {
    const auto models = models_of(config, kind);
    out += fmt::format("  {:<14} {}\n", what,
                       models.empty() ? off(config, kind) : fmt::format("{}", fmt::join(models, ", ")));
  }
  return out + fmt::format("  sensors        {}\n", sensors_text(config));
}

}  // namespace zenith::tools
