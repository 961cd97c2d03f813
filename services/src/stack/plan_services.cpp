#include "plan_services.hpp"

#include <fmt/format.h>

#include <set>

#include "zenith/messages/roles.hpp"

namespace zenith::services {
namespace {

ModelSpec spec_of(const Config& config, const ServiceConfig& service, const std::string& model, std::string id) {
  ModelSpec spec;
  spec.name = model;
  spec.service_id = std::move(id);
  spec.context = service.context;
  spec.sequences = service.sequences;
  spec.queue = service.queue;
  spec.kv_bytes = service.kv_bytes;
  spec.packed = models::packed_cache(config.models);
  spec.draft_tokens = service.draft_tokens;
  spec.numerics = service.numerics == "exact" ? kernels::Numerics::exact : kernels::Numerics::fast;
  return spec;
}

}  // namespace

Expected<std::vector<ModelSpec>> plan_services(const Config& config) {
  std::vector<ServiceConfig> services = config.services;
  if (services.empty()) {
    services.push_back({.role = "text", .models = {kDefaultModel, kDefaultEmbeddingModel}});
  }
  std::vector<ModelSpec> out;
  std::set<std::string> ids;
  std::size_t texts = 0;
  for (const ServiceConfig& service : services) {
    if (const auto known = check_role(service.role); !known) {
      return fail(Errc::invalid_argument, "service.role " + known.error().message, "service.role");
    }
    if (service.role != "text") continue;
    if (service.models.empty()) return fail(Errc::invalid_argument, "a text service names no model", "service.model");
    if (service.numerics != "fast" && service.numerics != "exact") {
      return fail(Errc::invalid_argument, fmt::format("service.numerics is '{}'; known: fast, exact", service.numerics),
                  "service.numerics");
    }
    if (service.sequences == 0)
      return fail(Errc::invalid_argument, "service.sequences must be at least 1", "service.sequences");
    if (service.queue == 0) return fail(Errc::invalid_argument, "service.queue must be at least 1", "service.queue");
    const std::string id = service.id.empty() ? fmt::format("text-{}", texts) : service.id;
    ++texts;
    for (const std::string& model : service.models) {
      const std::string full = service.models.size() == 1 ? id : fmt::format("{}:{}", id, model);
      if (!ids.insert(full).second) {
        return fail(Errc::invalid_argument, fmt::format("two services have the id '{}'", full), "service.id");
      }
      out.push_back(spec_of(config, service, model, full));
    }
  }
  return out;
}

Expected<std::vector<HostedSpec>> plan_hosted(const Config& config, const std::function<bool(messages::Role)>& has) {
  std::vector<HostedSpec> out;
  for (const ServiceConfig& service : config.services) {
    const auto role = messages::role_of(service.role);
    if (!role || !messages::in_child(*role) || !has(*role)) continue;
    if (service.models.empty()) {
      return fail(Errc::invalid_argument, fmt::format("a {} service names no model", service.role), "service.model");
    }
    if (service.queue == 0) return fail(Errc::invalid_argument, "service.queue must be at least 1", "service.queue");
    for (const std::string& model : service.models) {
      // A sensor's line is its own, however few its plugin has: the service's is that of the process.
      const bool one = service.models.size() == 1 && *role != messages::Role::sensor;
      out.push_back({*role, model, one ? service.id : fmt::format("{}:{}", service.id, model), service.queue});
    }
  }
  return out;
}

}  // namespace zenith::services
