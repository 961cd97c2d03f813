#include "generation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "api/receipt.hpp"
#include "realtime/config.hpp"
#include "stream_session.hpp"

namespace zenith::gateway {

/// A service's end of one generation. Any thread.
class Sink final : public EventSink {
 public:
  Sink(std::shared_ptr<Loop> loop, std::shared_ptr<Generation> generation, std::size_t part)
      : loop_(std::move(loop)), generation_(std::move(generation)), part_(part) {}
  /// A service that lets go before the last event has failed: the client must not wait for ever.
  ~Sink() override {
    loop_->post([generation = std::move(generation_), part = part_] {
      generation->on_event(part, Error{Errc::internal, "the service dropped the request without an answer", {}, {}});
    });
  }
  void on_event(messages::Event event) override {
    loop_->post([generation = generation_, part = part_, event = std::move(event)]() mutable {
      generation->on_event(part, std::move(event));
    });
  }

 private:
  std::shared_ptr<Loop> loop_;
  std::shared_ptr<Generation> generation_;
  std::size_t part_;
};

/// The voice's end of one sentence. Any thread.
class NarrationSink final : public EventSink {
 public:
  NarrationSink(std::shared_ptr<Loop> loop, std::shared_ptr<Generation> generation, Narrator::Task task)
      : loop_(std::move(loop)), generation_(std::move(generation)), task_(task) {}
  ~NarrationSink() override {
    loop_->post([generation = std::move(generation_), task = task_] {
      generation->on_speech(task, Error{Errc::internal, "the service dropped the request without an answer", {}, {}});
    });
  }
  void on_event(messages::Event event) override {
    loop_->post([generation = generation_, task = task_, event = std::move(event)]() mutable {
      generation->on_speech(task, std::move(event));
    });
  }

 private:
  std::shared_ptr<Loop> loop_;
  std::shared_ptr<Generation> generation_;
  Narrator::Task task_;
};

namespace {

constexpr std::size_t kMostSpeech = 32u << 20;  ///< of an answer that is no stream: eleven minutes of samples

/// Grants are sent in lumps: a message for each token would cost more than it saves.
constexpr std::uint32_t kGrantLump = 16;

std::string_view kind_prefix(Shape shape) { return shape == Shape::chat ? "chatcmpl" : "cmpl"; }

void add(messages::Finished& total, const messages::Finished& f) {
  total.modality_path = f.modality_path;
  total.usage.prompt_tokens += f.usage.prompt_tokens;
  total.usage.completion_tokens += f.usage.completion_tokens;
  total.usage.cached_tokens += f.usage.cached_tokens;
  total.usage.reasoning_tokens += f.usage.reasoning_tokens;
  total.timings.prompt_n += f.timings.prompt_n;
  total.timings.predicted_n += f.timings.predicted_n;
  total.timings.cache_n += f.timings.cache_n;
  total.timings.queue_ms = std::max(total.timings.queue_ms, f.timings.queue_ms);
  total.timings.prompt_ms += f.timings.prompt_ms;
  total.timings.predicted_ms = std::max(total.timings.predicted_ms, f.timings.predicted_ms);
}

}  // namespace

void Generation::start(const std::shared_ptr<Call>& call, Draft draft, Shape shape, Framing framing) {
  auto& gateway = call->gateway;
  const std::shared_ptr<Generation> self(new Generation(call, framing));
  if (draft.spoken) {
    auto voice = realtime::find_voice(gateway.port.snapshot(), draft.spoken_fields.voice);
    if (!voice) {
      if (!voice.error().param.empty()) voice.error().param = "audio.voice";
      return call->fail(voice.error());
    }
    self->spoken_ = *draft.spoken;
    self->narrator_.emplace(voice->model, voice->name, *draft.spoken);
    draft.generate.speaker = voice->model;
  }
  std::vector<messages::Prompt> prompts = std::move(draft.prompts);
  if (prompts.empty()) prompts.push_back(std::move(draft.generate.prompt));

  AnswerHead head;
  head.shape = shape;
  head.id = fmt::format("{}-{}{:08x}", kind_prefix(shape), gateway.epoch, call->id.value);
  head.model = draft.generate.model;
  head.fingerprint = "fp_zenith_" + gateway.version;
  head.created = gateway.effects.clock().unix_seconds();
  head.choices = draft.generate.choices * static_cast<std::uint32_t>(prompts.size());
  head.logprobs = draft.generate.logprobs;
  head.include_usage = draft.include_usage;
  if (draft.spoken) head.audio_id = fmt::format("audio_{}{:08x}", gateway.epoch, call->id.value);
  head.zenith = [call = call.get()](const messages::Finished& f) { return call->zenith_member(f.modality_path); };
  self->stream_ = draft.stream;
  self->renderer_ = draft.stream ? stream_renderer(std::move(head)) : body_renderer(std::move(head));

  for (std::size_t i = 0; i < prompts.size(); ++i) {
    self->parts_.push_back({i == 0 ? call->id : gateway.effects.next_request_id(),
                            static_cast<std::uint32_t>(i) * draft.generate.choices});
  }
  const std::weak_ptr<Generation> weak = self;
  gateway.work_begins(call->id, [weak](const Error& error) {
    if (const auto g = weak.lock()) g->fail(error);
  });
  call->outlet().on_gone = [weak] {
    if (const auto g = weak.lock(); g && !g->over_) {
      g->cancel_parts();
      g->call_->abandon();
      g->end(499);
    }
  };
  call->outlet().on_written = [weak](std::uint32_t events) {
    if (const auto g = weak.lock()) g->written(events);
  };
  call->cancel_by_client = [weak] {
    if (const auto g = weak.lock()) g->cancel_by_client();
  };

  for (std::size_t i = 0; i < prompts.size(); ++i) {
    messages::Generate request = i + 1 < prompts.size() ? draft.generate : std::move(draft.generate);
    request.prompt = std::move(prompts[i]);
    request.header = call->header();
    request.header.id = self->parts_[i].id;
    gateway.port.generate(std::move(request), std::make_shared<Sink>(gateway.loop, self, i));
  }
}

void Generation::on_event(std::size_t index, messages::Event event) {
  Part& part = parts_[index];
  if (over_ || part.over) return;
  if (const auto* error = std::get_if<Error>(&event)) {
    part.over = true;
    return fail(*error);
  }
  std::vector<std::string> chunks;
  if (const auto* started = std::get_if<messages::Started>(&event)) {
    tokens_ += started->prompt_tokens;
    if (++parts_started_ == 1 && stream_ && framing_ == Framing::sse)
      call_->start_stream("text/event-stream", ": ping\n\n");
    if (parts_started_ == 1 && stream_ && framing_ == Framing::websocket) call_->start_stream({}, {});
    streaming_ = stream_;
    if (parts_started_ == 1) renderer_->on(event, chunks);
  } else if (auto* delta = std::get_if<messages::Delta>(&event)) {
    delta->choice += part.choices_before;
    ++tokens_;
    renderer_->on(event, chunks);
    if (narrator_) narrator_->add(delta->content);
  } else if (auto* end = std::get_if<messages::ChoiceEnd>(&event)) {
    end->choice += part.choices_before;
    renderer_->on(event, chunks);
  } else if (const auto* finished = std::get_if<messages::Finished>(&event)) {
    add(total_, *finished);
    return part_over(index);
  }
  if (streaming_) {
    emit(chunks, {index});
  } else {
    grant(index, 1);
  }
  speak();
}

void Generation::part_over(std::size_t index) {
  parts_[index].over = true;
  if (++parts_over_ < parts_.size()) return;
  tokens_ = std::uint64_t{total_.usage.prompt_tokens} + total_.usage.completion_tokens;
  if (narrator_) narrator_->text_over();
  speak();
  finish_if_done();
}

void Generation::finish_if_done() {
  if (over_ || parts_over_ < parts_.size() || (narrator_ && !narrator_->done())) return;
  std::vector<std::string> chunks;
  if (narrator_ && !stream_) {
    const bool wav = spoken_ == SpokenFormat::wav;
    renderer_->sound(wav ? realtime::wav_of(Narrator::kRate, file_) : std::move(file_), chunks);
  }
  renderer_->on(total_, chunks);
  if (!stream_) {
    call_->reply_with_zenith(renderer_->body());
    return end(200);
  }
  emit(chunks, {kNobody});
  finish_stream("complete");
  end(200);
}

void Generation::on_speech(Narrator::Task task, messages::Event event) {
  if (messages::is_last(event)) speeches_.erase(task);
  if (over_) return;
  narrator_->on_event(task, std::move(event));
  speak();
  finish_if_done();
}

// What the narrator wants, until it wants nothing more.
void Generation::speak() {
  if (!narrator_ || over_) return;
  for (auto& sound : narrator_->take_sounds()) {
    if (stream_) {
      std::vector<std::string> chunks;
      if (!sound.bytes.empty()) renderer_->sound(sound.bytes, chunks);
      emit(chunks, {kNobody, sound.credit});
      continue;
    }
    file_ += sound.bytes;
    if (file_.size() > kMostSpeech) {
      return fail({Errc::payload_too_large,
                   fmt::format("the spoken answer has more than {} bytes, the limit: lower max_tokens or stream it",
                               kMostSpeech),
                   "max_tokens",
                   {}});
    }
    if (sound.credit != 0) grant_speech(sound.credit);
  }
  if (narrator_->failed()) {
    Error error = *narrator_->failed();
    // It was there when the request was planned.
    if (error.code == Errc::not_found) error.code = Errc::unavailable;
    error.message = "audio: the answer could not be spoken: " + error.message;
    error.param = "audio";
    return fail(error);
  }
  for (auto& begin : narrator_->take_begins()) {
    begin.request.header = call_->header();
    begin.request.header.id = speeches_[begin.task] = call_->gateway.effects.next_request_id();
    call_->gateway.port.speak(std::move(begin.request),
                              std::make_shared<NarrationSink>(call_->gateway.loop, shared_from_this(), begin.task));
  }
}

void Generation::grant_speech(Narrator::Task task) {
  if (const auto at = speeches_.find(task); at != speeches_.end()) call_->gateway.port.grant(at->second, 1);
}

void Generation::fail(const Error& error) {
  if (over_) return;
  cancel_parts();
  if (!streaming_) {
    call_->fail(error);
    return end(to_http_status(error.code));
  }
  const auto member = call_->zenith_member();
  emit({member.empty() ? error_body(error) : with_member(error_body(error), member)}, {kNobody});
  finish_stream("error");
  end(to_http_status(error.code));
}

void Generation::cancel_by_client() {
  if (over_) return;
  cancel_parts();
  if (!streaming_) call_->start_stream({}, {});
  finish_stream("cancelled");
  end(499);
}

void Generation::emit(const std::vector<std::string>& chunks, Credit credit) {
  sent_.push_back(credit);
  std::string bytes;
  for (const auto& chunk : chunks) {
    if (framing_ == Framing::websocket) {
      call_->outlet().send(chunk, 0);
      continue;
    }
    bytes += "data: ";
    bytes += chunk;
    bytes += "\n\n";
  }
  call_->outlet().send(std::move(bytes), 1);
}

void Generation::finish_stream(std::string_view reason) {
  if (framing_ == Framing::sse) {
    call_->outlet().send("data: [DONE]\n\n", 0);
  } else {
    call_->outlet().send(stream_done(reason), 0);
  }
  call_->outlet().finish();
}

void Generation::grant(std::size_t index, std::uint32_t events) {
  Part& part = parts_[index];
  part.ungranted += events;
  if (part.over || part.ungranted < kGrantLump) return;
  call_->gateway.port.grant(part.id, std::exchange(part.ungranted, 0));
}

void Generation::written(std::uint32_t events) {
  for (; events > 0 && !sent_.empty(); --events) {
    const Credit credit = sent_.front();
    sent_.pop_front();
    if (over_) continue;
    if (credit.speech != 0) {
      grant_speech(credit.speech);
    } else if (credit.part != kNobody) {
      grant(credit.part, 1);
    }
  }
}

void Generation::cancel_parts() {
  for (auto& part : parts_) {
    if (!std::exchange(part.over, true)) call_->gateway.port.cancel(part.id);
  }
  for (const auto& [task, id] : speeches_) call_->gateway.port.cancel(id);
}

void Generation::end(int status) {
  over_ = true;
  call_->use_tokens(static_cast<double>(tokens_));
  call_->cancel_by_client = nullptr;
  call_->gateway.work_ends(call_->id);
  call_->done(status);
}

}  // namespace zenith::gateway
