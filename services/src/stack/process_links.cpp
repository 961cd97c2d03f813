#include "zenith/services/process_links.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "zenith/core/log.hpp"
#include "zenith/kernels/dispatch.hpp"
#include "zenith/messages/roles.hpp"
#include "zenith/wire/curve.hpp"

namespace zenith::services {
namespace {

using messages::Role;

constexpr int kMostInstances = 64;

const ServiceConfig* first_of(const Config& config, std::string_view role) {
  const auto it =
      std::find_if(config.services.begin(), config.services.end(), [&](const auto& s) { return s.role == role; });
  return it == config.services.end() ? nullptr : &*it;
}

/// The service whose endpoint is the process's: one text or media process listens once.
const ServiceConfig* first_served(const Config& config, const std::set<Role>& roles) {
  const auto it = std::find_if(config.services.begin(), config.services.end(), [&](const auto& service) {
    const auto role = messages::role_of(service.role);
    return role && *role != Role::gateway && *role != Role::router && roles.contains(*role);
  });
  return it == config.services.end() ? nullptr : &*it;
}

std::filesystem::path curve_dir(const Config& config) {
  return config.curve.dir.empty() ? zenith_home() / "curve" : std::filesystem::path{config.curve.dir};
}

bool is_tcp(const std::string& endpoint) { return endpoint.starts_with("tcp://"); }

/// The id itself, or the first of id.2, id.3 … that no living process has.
Expected<wire::Claim> claim_id(const wire::RunDir& dir, std::string& id) {
  for (int i = 1; i <= kMostInstances; ++i) {
    std::string name = i == 1 ? id : fmt::format("{}.{}", id, i);
    auto claim = dir.claim(name);
    if (claim) {
      id = std::move(name);
      return claim;
    }
    if (claim.error().code != Errc::unavailable) return claim;
  }
  return fail(Errc::unavailable, fmt::format("{} processes called '{}' run already", kMostInstances, id), "service.id");
}

Expected<std::string> endpoint_of(const ServiceConfig& service, const wire::RunDir& dir) {
  if (!service.endpoint.empty()) return service.endpoint;
  return dir.endpoint(service.id);
}

/// Keys of this process when something of it goes over TCP: those of its first service's name.
Expected<std::optional<wire::KeyPair>> keys_for(const Config& config, const std::string& name, bool tcp) {
  if (!tcp) return std::nullopt;
  auto keys = wire::load_keys(curve_dir(config), name);
  if (!keys) return tl::make_unexpected(std::move(keys.error()));
  return *keys;
}

std::vector<messages::LinkLine> lines_of(const links::ZmqHub& hub) {
  std::vector<messages::LinkLine> lines;
  for (const auto& status : hub.status()) {
    messages::LinkLine line;
    line.peer = status.peer.id;
    line.endpoint = status.endpoint;
    line.dialled = status.dialled;
    line.suspect = status.suspect;
    line.open_requests = status.open_requests;
    line.sent = status.sent;
    line.received = status.received;
    line.credit_requests = status.credit_requests;
    line.credit_kib = status.credit_kib;
    line.round_trip = std::chrono::duration_cast<std::chrono::microseconds>(status.round_trip);
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace

std::set<Role> roles_of(const std::vector<std::string>& names, const Config& config) {
  std::set<Role> roles;
  for (const auto& [role, name] : messages::kRoleNames) {
    const bool named = std::find(names.begin(), names.end(), name) != names.end();
    if (named || (names.empty() && first_of(config, name) != nullptr)) roles.insert(role);
  }
  return roles;
}

Expected<std::optional<ProcessLinks>> join(Config& config, const JoinOptions& join_options, Effects& effects) {
  ServiceConfig router = *first_of(config, "router");
  const auto has = [&](Role role) { return join_options.roles.contains(role); };
  const bool whole = has(Role::gateway) && has(Role::router) && has(Role::text) && router.endpoint.empty();
  if (whole && !join_options.children) return std::nullopt;
  auto dir = wire::RunDir::open(config.links.run_dir.empty() ? wire::RunDir::default_path()
                                                             : std::filesystem::path{config.links.run_dir});
  if (!dir) return tl::make_unexpected(std::move(dir.error()));
  const auto swept = dir->sweep();
  if (swept.sockets + swept.segments + swept.locks > 0) {
    log(LogLevel::info, "links", "swept what dead processes left",
        {{"sockets", swept.sockets}, {"segments", swept.segments}, {"locks", swept.locks}});
  }

  ProcessLinks out;
  Placement& place = out.placement;
  place.roles = join_options.roles;
  place.allow_mixed_numerics = config.links.allow_mixed_numerics;
  place.epoch = std::max<std::uint64_t>(1, effects.random_seed());
  std::string key_name, name;
  for (ServiceConfig& service : config.services) {
    const auto role = messages::role_of(service.role);
    const bool mine = role && has(*role);
    const bool childs = messages::in_child(service.role) && join_options.children;
    if (!mine && !childs) continue;
    if (join_options.claim) {
      auto claim = claim_id(*dir, service.id);
      if (!claim) return tl::make_unexpected(std::move(claim.error()));
      out.claims.push_back(std::move(*claim));
    }
    if (!mine) continue;
    if (key_name.empty()) key_name = service.id;
    name += (name.empty() ? "" : "+") + service.id;
  }

  // Alone with its children, a second server beside a first has a directory of its own.
  if (whole) router.id = first_of(config, "router")->id;
  const auto directory = endpoint_of(router, *dir);
  if (!directory) return tl::make_unexpected(directory.error());
  place.directory_endpoint = *directory;
  place.directory_bind = router.bind.empty() ? *directory : router.bind;
  bool tcp = is_tcp(*directory);
  if (tcp && !has(Role::router)) {
    auto key = wire::load_public_key(curve_dir(config) / (router.id + ".public"));
    if (!key) return tl::make_unexpected(std::move(key.error()));
    place.directory_key = std::move(*key);
  }
  if (place.serves()) {
    const ServiceConfig& server = *first_served(config, join_options.roles);
    const auto endpoint = endpoint_of(server, *dir);
    if (!endpoint) return tl::make_unexpected(endpoint.error());
    place.service_endpoint = server.endpoint;  // empty: as bound
    place.service_bind = server.bind.empty() ? *endpoint : server.bind;
    tcp = tcp || is_tcp(*endpoint);
    out.endpoint = *endpoint;
  }
  if (has(Role::router)) out.endpoint = *directory;

  auto keys = keys_for(config, key_name, tcp);
  if (!keys) return tl::make_unexpected(std::move(keys.error()));
  links::ZmqHubOptions options;
  options.me = {place.epoch, name, join_options.version, kernels::numerics_id()};
  if (config.links.shared_bytes > 0) options.run_dir = *dir;
  options.shared_memory.at_least = config.links.shared_bytes;
  options.sockets.allow =
      config.curve.allow.empty() ? curve_dir(config) / "allow" : std::filesystem::path{config.curve.allow};
  if (*keys) {
    place.public_key = (*keys)->public_key;
    options.sockets.keys = std::move(**keys);
  }
  auto hub = links::ZmqHub::start(std::move(options));
  if (!hub) return tl::make_unexpected(std::move(hub.error()));
  out.hub = std::move(*hub);
  place.hub = out.hub.get();
  place.links = [hub = out.hub.get()] { return lines_of(*hub); };
  return out;
}

}  // namespace zenith::services
