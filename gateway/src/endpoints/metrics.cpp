// GET /metrics: Prometheus' text format.
#include "call.hpp"
#include "endpoints/endpoints.hpp"

namespace zenith::gateway {

void metrics(const std::shared_ptr<Call>& call) {
  HttpReply reply;
  reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
  reply.body = call->gateway.metrics.expose();
  call->reply(std::move(reply));
}

}  // namespace zenith::gateway
