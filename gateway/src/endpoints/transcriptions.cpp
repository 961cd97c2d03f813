// POST /v1/audio/transcriptions
#include "api/transcription_request.hpp"
#include "call.hpp"
#include "endpoints/endpoints.hpp"

namespace zenith::gateway {

void transcriptions(const std::shared_ptr<Call>& call) {
  const auto* type = call->request.header("content-type");
  const std::string_view body = call->request.body;
  auto request = parse_multipart(type == nullptr ? "" : *type, body).and_then([&](const auto& parts) {
    return read_transcription_request(parts, body);
  });
  if (!request) return call->fail(request.error());
  request->transcribe.header = call->header();
  // The body itself goes on, uncopied.
  request->transcribe.audio = Buffer::of(std::move(call->request.body)).slice(request->offset, request->size);
  auto reply = call->expect<messages::Transcript>([format = request->format](Call& c, messages::Transcript transcript) {
    auto rendered = render_transcript(transcript, format);
    c.reply({200, std::move(rendered.content_type), std::move(rendered.body), {}, false});
  });
  call->gateway.port.transcribe(std::move(request->transcribe), std::move(reply));
}

}  // namespace zenith::gateway
