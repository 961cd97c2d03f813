// POST /v1/chat/completions
#include "api/chat_request.hpp"
#include "endpoints/endpoints.hpp"
#include "generation.hpp"

namespace zenith::gateway {

void chat_completions(const std::shared_ptr<Call>& call) {
  auto draft = call->json().and_then(
      [&](const Value& body) { return read_chat_request(body, call->gateway.options.default_model); });
  if (!draft) return call->fail(draft.error());
  Generation::start(call, std::move(*draft), Shape::chat, Framing::sse);
}

}  // namespace zenith::gateway
