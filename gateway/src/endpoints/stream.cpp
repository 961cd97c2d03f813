// GET /v1/stream: one chat request of a WebSocket session (see stream_session.hpp).
#include "api/chat_request.hpp"
#include "endpoints/endpoints.hpp"
#include "images.hpp"

namespace zenith::gateway {

void stream(const std::shared_ptr<Call>& call) {
  auto draft = call->json().and_then(
      [&](const Value& body) { return read_chat_request(body, call->gateway.options.default_model, Streams::always); });
  if (!draft) return call->fail(draft.error());
  start_with_images(call, std::move(*draft), Framing::websocket);
}

}  // namespace zenith::gateway
