// POST /v1/completions
#include "api/completion_request.hpp"
#include "endpoints/endpoints.hpp"
#include "generation.hpp"

namespace zenith::gateway {

void completions(const std::shared_ptr<Call>& call) {
  auto draft = call->json().and_then(
      [&](const Value& body) { return read_completion_request(body, call->gateway.options.default_model); });
  if (!draft) return call->fail(draft.error());
  Generation::start(call, std::move(*draft), Shape::completion, Framing::sse);
}

}  // namespace zenith::gateway
