#include "serve_config.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <iterator>
#include <set>

#include "default_services.hpp"
#include "zenith/messages/roles.hpp"
#include "zenith/tools/catalog.hpp"

namespace zenith::tools {
namespace {

/// Roles as flags have the rules of service.role: the same check says the same words.
Status check_roles(const std::vector<std::string>& roles) {
  for (const auto& role : roles) {
    if (auto ok = check_role(role); !ok) return fail(ok.error().code, "the role " + ok.error().message, "role");
  }
  return {};
}

bool has_role(const Config& config, std::string_view role) {
  return std::any_of(config.services.begin(), config.services.end(), [&](const auto& s) { return s.role == role; });
}

enum class Does : std::uint8_t { text, speaks, hears, sees, other };

/// A path is taken for what lies there: whisper's weights, else text.
Does what_it_does(const std::string& model) {
  const CatalogRow* row = find_in_catalog(model);
  std::error_code error;
  if (row == nullptr)
    return std::filesystem::exists(std::filesystem::path{model} / "model.bin", error) ? Does::hears : Does::text;
  if (row->kind == "speech") return Does::speaks;
  if (row->kind == "transcription") return Does::hears;
  if (row->kind == "vision") return Does::sees;
  return row->kind == "text" || row->kind == "embeddings" ? Does::text : Does::other;
}

std::string role_for(Does does) {
  if (does == Does::text) return "text";
  return does == Does::sees ? "vision" : "voice";
}

/// --model: those that speak become a voice service, those that hear another, those that see a vision service, each in
/// a process of its own, the others a text service, instead of the configured ones.
void take_models(Config& config, const std::vector<std::string>& models) {
  std::set<std::string> replaced;
  for (const auto does : {Does::text, Does::speaks, Does::hears, Does::sees}) {
    ServiceConfig service;
    service.role = role_for(does);
    std::copy_if(models.begin(), models.end(), std::back_inserter(service.models),
                 [&](const std::string& model) { return what_it_does(model) == does; });
    if (service.models.empty()) continue;
    if (replaced.insert(service.role).second) {
      std::erase_if(config.services, [&](const auto& old) { return old.role == service.role; });
    }
    config.services.push_back(std::move(service));
  }
}

/// The names that stock clients send mean the first model that speaks or hears, unless the configuration says
/// otherwise.
void alias_voice(Config& config) {
  for (const auto& service : config.services) {
    if (service.role != "voice") continue;
    for (const auto& model : service.models) {
      const auto names = what_it_does(model) == Does::hears
                             ? std::array{"whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe"}
                             : std::array{"tts-1", "tts-1-hd", "gpt-4o-mini-tts"};
      for (const auto* name : names) config.aliases.emplace(name, model);
    }
  }
}

/// The names that stock clients send to /v1/realtime mean the first text model, unless the configuration says
/// otherwise.
void alias_realtime(Config& config) {
  for (const auto& service : config.services) {
    for (const auto& model : service.models) {
      const CatalogRow* row = find_in_catalog(model);
      if (service.role != "text" || (row != nullptr && row->kind != "text")) continue;
      for (const auto* name : {"gpt-realtime", "gpt-realtime-mini", "gpt-4o-realtime-preview"})
        config.aliases.emplace(name, model);
      return;
    }
  }
}

void fill_services(Config& config, const std::vector<std::string>& models) {
  const bool plain = config.services.empty() && models.empty();
  take_models(config, models);
  for (const std::string role : {"gateway", "router", "text"}) {
    if (has_role(config, role)) continue;
    ServiceConfig service;
    service.role = role;
    if (role == "text") {
      for (const auto& row : catalog()) {
        if (row.is_default && (row.kind == "text" || row.kind == "embeddings")) service.models.emplace_back(row.name);
      }
    }
    config.services.push_back(std::move(service));
  }
  if (plain) {
    auto more = default_services(config);
    std::move(more.begin(), more.end(), std::back_inserter(config.services));
  }
  alias_voice(config);
  alias_realtime(config);
  std::set<std::string> ids;
  for (const auto& service : config.services) ids.insert(service.id);
  for (auto& service : config.services) {
    for (int number = 1; service.id.empty(); ++number) {
      const std::string id = service.role + "-" + std::to_string(number);
      if (ids.insert(id).second) service.id = id;
    }
  }
}

}  // namespace

Expected<Config> serve_config(const ServeOptions& options, const Environment& environment) {
  if (auto ok = check_roles(options.roles); !ok) return tl::make_unexpected(ok.error());
  const auto overlay = [&](const std::string& name) -> std::optional<std::string> {
    if (options.listen && name == "ZENITH_SERVER_LISTEN") return options.listen;
    return environment(name);
  };
  auto config = load_config(options.config_file, overlay);
  if (!config) return config;
  fill_services(*config, options.models);
  for (const auto& service : config->services) {
    if (service.role != "gateway" && service.role != "router" && service.role != "sensor" && service.models.empty()) {
      return fail(Errc::invalid_argument,
                  "service '" + service.id + "' has no model: give service.model a name or a list", "service.model");
    }
    const auto unnamed = std::find_if(service.models.begin(), service.models.end(),
                                      [](const auto& model) { return find_in_catalog(model) == nullptr; });
    if (service.start == "first_use" && (!messages::in_media(service.role) || unnamed != service.models.end())) {
      return fail(Errc::invalid_argument,
                  "service '" + service.id +
                      "': service.start can be first_use for voice and vision with models that `zenith models` names",
                  "service.start");
    }
    if (service.role == "sensor" && service.plugin.empty()) {
      return fail(
          Errc::invalid_argument,
          "service '" + service.id + "' has no plugin: give service.plugin a path, or a name in the plugin folders",
          "service.plugin");
    }
  }
  return config;
}

Status keep_ids(Config& config, const std::vector<std::string>& ids) {
  const auto may_go = [](const auto& service) { return service.role != "gateway" && service.role != "router"; };
  std::string known;
  for (const auto& service : config.services) {
    if (may_go(service)) known += (known.empty() ? "" : ", ") + service.id;
  }
  std::set<std::string> roles;
  for (const auto& id : ids) {
    const auto there = std::find_if(config.services.begin(), config.services.end(),
                                    [&](const auto& service) { return may_go(service) && service.id == id; });
    if (there == config.services.end()) {
      return fail(Errc::not_found, "--id " + id + ": no service of the configuration has that id; there are: " + known,
                  "id");
    }
    roles.insert(there->role);
  }
  std::erase_if(config.services, [&](const auto& service) {
    return roles.contains(service.role) && std::find(ids.begin(), ids.end(), service.id) == ids.end();
  });
  return {};
}

std::vector<std::string> wanted_models(const Config& config) {
  std::vector<std::string> all;
  for (const auto& service : config.services) {
    for (const auto& model : service.models) {
      const CatalogRow* row = find_in_catalog(model);
      for (const std::string& one : {std::string{row == nullptr ? "" : row->needs}, model}) {
        if (!one.empty() && std::find(all.begin(), all.end(), one) == all.end()) all.push_back(one);
      }
    }
  }
  return all;
}

Expected<gateway::ServerOptions> server_options(const Config& config) {
  gateway::ServerOptions options;
  // load_config has checked the form host:port.
  const std::string& listen = config.server.listen;
  const auto colon = listen.rfind(':');
  options.host = listen.substr(0, colon);
  if (options.host.size() > 2 && options.host.front() == '[')
    options.host = options.host.substr(1, options.host.size() - 2);
  std::from_chars(listen.data() + colon + 1, listen.data() + listen.size(), options.port);
  options.exposed = config.server.exposed;
  options.load_sensors = config.sensors.load;
  options.trace_endpoint = config.trace.endpoint;
  options.cors_origins = config.server.cors_origins;
  if (!config.server.tls_cert.empty()) options.tls = {config.server.tls_cert, config.server.tls_key};
  options.limits.body_bytes = config.server.body_bytes;
  options.limits.connections = config.server.connections;
  options.limits.request_deadline = std::chrono::seconds{config.server.deadline_s};
  if (!config.server.keys_file.empty()) {
    auto keys = gateway::read_keys_file(config.server.keys_file);
    if (!keys) return tl::make_unexpected(keys.error());
    options.keys = std::move(*keys);
  }
  for (const auto& model : wanted_models(config)) {
    const auto* row = find_in_catalog(model);
    if (what_it_does(model) != Does::text) continue;
    const bool embeds = row != nullptr && row->kind == "embeddings";
    auto& slot = embeds ? options.default_embedding_model : options.default_model;
    if (slot.empty()) slot = model;
  }
  return options;
}

}  // namespace zenith::tools
