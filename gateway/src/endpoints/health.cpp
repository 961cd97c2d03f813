// GET /healthz: the process answers. GET /readyz: it can do its work, with a line for each service.
#include "call.hpp"
#include "endpoints/endpoints.hpp"
#include "endpoints/names.hpp"
#include "json/write.hpp"

namespace zenith::gateway {
using messages::Health;

void healthz(const std::shared_ptr<Call>& call) { call->reply_json(R"({"status":"ok"})"); }

void readyz(const std::shared_ptr<Call>& call) {
  const auto snapshot = call->gateway.port.snapshot();
  Health overall = snapshot.overall;
  if (overall == Health::ready && !call->gateway.accepting) overall = Health::loading;
  if (call->gateway.draining()) overall = Health::draining;
  JsonWriter w;
  w.begin_object().key("status").string(name_of(overall)).key("services").begin_array();
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
        .string(name_of(s.role))
        .key("id")
        .string(s.id)
        .key("status")
        .string(name_of(s.health))
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
