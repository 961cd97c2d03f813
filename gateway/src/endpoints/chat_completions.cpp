// POST /v1/chat/completions
#include "api/chat_request.hpp"
#include "endpoints/endpoints.hpp"
#include "images.hpp"

namespace zenith::gateway {

void chat_completions(const std::shared_ptr<Call>& call) {
  auto draft = call->json().and_then(
      [&](const Value& body) { return read_chat_request(body, call->gateway.options.default_model); });
  if (!draft) return call->fail(draft.error());
  start_with_images(call, std::move(*draft), Framing::sse);
}

}  // namespace zenith::gateway
