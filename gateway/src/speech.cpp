#include "speech.hpp"

#include "api/members.hpp"
#include "api/receipt.hpp"
#include "json/write.hpp"
#include "zenith/core/log.hpp"

namespace zenith::gateway {
namespace {

/// The service's end. Any thread.
class SpeechSink final : public EventSink {
 public:
  SpeechSink(std::shared_ptr<Loop> loop, std::shared_ptr<Speech> speech)
      : loop_(std::move(loop)), speech_(std::move(speech)) {}
  ~SpeechSink() override {
    loop_->post([speech = std::move(speech_)] {
      speech->on_event(Error{Errc::internal, "the service dropped the request without an answer", {}, {}});
    });
  }
  void on_event(messages::Event event) override {
    loop_->post([speech = speech_, event = std::move(event)]() mutable { speech->on_event(std::move(event)); });
  }

 private:
  std::shared_ptr<Loop> loop_;
  std::shared_ptr<Speech> speech_;
};

std::string sse(const std::string& json) { return "data: " + json + "\n\n"; }

}  // namespace

void Speech::start(const std::shared_ptr<Call>& call, SpeechRequest request) {
  auto& gateway = call->gateway;
  const std::shared_ptr<Speech> self(new Speech(call, request));
  const std::weak_ptr<Speech> weak = self;
  gateway.work_begins(call->id, [weak](const Error& error) {
    if (const auto s = weak.lock()) {
      s->call_->gateway.port.cancel(s->call_->id);
      s->fail(error);
    }
  });
  call->outlet().on_gone = [weak] {
    if (const auto s = weak.lock(); s && !s->over_) {
      s->call_->gateway.port.cancel(s->call_->id);
      s->call_->abandon();
      s->end(499);
    }
  };
  call->outlet().on_written = [weak](std::uint32_t events) {
    if (const auto s = weak.lock(); s && !s->over_) s->call_->gateway.port.grant(s->call_->id, events);
  };
  request.speak.header = call->header();
  gateway.port.speak(std::move(request.speak), std::make_shared<SpeechSink>(gateway.loop, self));
}

void Speech::on_event(messages::Event event) {
  if (over_) return;
  if (const auto* audio = std::get_if<messages::Audio>(&event)) return on_audio(*audio);
  if (const auto* audio = std::get_if<messages::AudioBytes>(&event)) return on_bytes(*audio);
  if (std::holds_alternative<messages::Finished>(event)) return finish();
  if (const auto* error = std::get_if<Error>(&event)) fail(*error);
}

void Speech::begin(std::uint32_t sample_rate) {
  if (std::exchange(streaming_, true)) return;
  const bool plain = stream_ == AudioStream::audio;
  call_->start_stream(plain ? content_type(format_, sample_rate) : "text/event-stream", plain ? "" : ": ping\n\n");
}

void Speech::on_audio(const messages::Audio& audio) {
  const bool first = !streaming_;
  begin(audio.sample_rate);
  send((first && format_ == AudioFormat::wav ? wav_head(audio.sample_rate) : "") + sample_bytes(audio.samples));
}

void Speech::on_bytes(const messages::AudioBytes& audio) {
  begin(0);
  send({audio.bytes.begin(), audio.bytes.end()});
}

void Speech::send(std::string bytes) {
  if (stream_ == AudioStream::sse) {
    JsonWriter w;
    w.begin_object().key("type").string("speech.audio.delta").key("audio").string(base64(bytes)).end_object();
    bytes = sse(w.take());
  }
  call_->outlet().send(std::move(bytes), 1);
}

void Speech::finish() {
  if (!streaming_) return fail({Errc::internal, "the service ended without any audio", {}, {}});
  if (stream_ == AudioStream::sse) {
    JsonWriter w;
    w.begin_object().key("type").string("speech.audio.done").end_object();
    const auto member = call_->zenith_member();
    call_->outlet().send(sse(member.empty() ? w.take() : with_member(w.take(), member)), 0);
  }
  call_->outlet().finish();
  end(200);
}

void Speech::fail(const Error& error) {
  if (over_) return;
  if (!streaming_) {
    call_->fail(error);
  } else if (stream_ == AudioStream::sse) {
    call_->outlet().send(sse(error_body(error)), 0);
    call_->outlet().finish();
  } else {
    log(LogLevel::warn, "gateway", "speech broke off", {{"id", call_->request_id}, {"reason", error.message}});
    call_->outlet().abort();
  }
  end(to_http_status(error.code));
}

void Speech::end(int status) {
  over_ = true;
  call_->gateway.work_ends(call_->id);
  call_->done(status);
}

}  // namespace zenith::gateway
