// POST /v1/audio/speech and GET /v1/audio/voices
#include "speech.hpp"

#include "endpoints/endpoints.hpp"
#include "json/write.hpp"

namespace zenith::gateway {
namespace {

void write_voice(JsonWriter& w, std::string_view id, const messages::ModelEntry& model, std::string_view alias_of) {
  w.begin_object().key("id").string(std::string{id}).key("model").string(model.name);
  w.key("language").string(model.language).key("sample_rate").integer(model.sample_rate).key("alias_of");
  if (alias_of.empty()) {
    w.null();
  } else {
    w.string(std::string{alias_of});
  }
  w.end_object();
}

}  // namespace

void speech(const std::shared_ptr<Call>& call) {
  auto request = call->json().and_then(read_speech_request);
  if (!request) return call->fail(request.error());
  Speech::start(call, std::move(*request));
}

void voices(const std::shared_ptr<Call>& call) {
  const auto snapshot = call->gateway.port.snapshot();
  JsonWriter w;
  w.begin_object().key("voices").begin_array();
  for (const auto& model : snapshot.models) {
    if (!model.alias_of.empty() || model.voices.empty()) continue;
    for (const auto& voice : model.voices) write_voice(w, voice, model, {});
    for (const auto stock : kStockVoices) write_voice(w, stock, model, model.voices.front());
  }
  w.end_array().end_object();
  call->reply_json(w.take());
}

}  // namespace zenith::gateway
