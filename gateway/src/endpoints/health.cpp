// GET /healthz: the process answers. GET /readyz: it can do its work, with a line for each service.
#include "call.hpp"
#include "endpoints/endpoints.hpp"
#include "json/write.hpp"

namespace zenith::gateway {
namespace {

using messages::Health;
using messages::Role;

std::string_view text(Health health) noexcept {
  switch (health) {
    case Health::loading: return "loading";
    case Health::ready: return "ready";
    case Health::draining: return "draining";
    case Health::failed: return "failed";
  }
  return "failed";
}

std::string_view text(Role role) noexcept {
  switch (role) {
    case Role::gateway: return "gateway";
    case Role::router: return "router";
    case Role::text: return "text";
    case Role::expert: return "expert";
    case Role::vision: return "vision";
    case Role::voice: return "voice";
    case Role::sensor: return "sensor";
  }
  return "unknown";
}

}  // namespace

void healthz(const std::shared_ptr<Call>& call) { call->reply_json(R"({"status":"ok"})"); }

void readyz(const std::shared_ptr<Call>& call) {
  const auto snapshot = call->gateway.port.snapshot();
  Health overall = snapshot.overall;
  if (overall == Health::ready && !call->gateway.accepting) overall = Health::loading;
  if (call->gateway.draining()) overall = Health::draining;
  JsonWriter w;
  w.begin_object().key("status").string(text(overall)).key("services").begin_array();
  if (!call->gateway.accepting) {
    w.begin_object().key("role").string("gateway").key("id").string("http").key("status").string("failed");
    w.key("model")
        .null()
        .key("detail")
        .string("no file descriptor is left for new connections: raise the limit (ulimit -n)")
        .end_object();
  }
  for (const auto& s : snapshot.services) {
    w.begin_object()
        .key("role")
        .string(text(s.role))
        .key("id")
        .string(s.id)
        .key("status")
        .string(text(s.health))
        .key("model");
    if (s.model.empty()) {
      w.null();
    } else {
      w.string(s.model);
    }
    w.key("detail").string(s.detail).end_object();
  }
  w.end_array().end_object();
  HttpReply reply;
  reply.status = overall == Health::ready ? 200 : 503;
  reply.body = w.take();
  if (reply.status == 503) reply.headers.emplace_back("Retry-After", "1");
  call->reply(std::move(reply));
}

}  // namespace zenith::gateway
