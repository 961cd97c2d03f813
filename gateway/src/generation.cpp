#include "generation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

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

namespace {

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
  } else if (auto* end = std::get_if<messages::ChoiceEnd>(&event)) {
    end->choice += part.choices_before;
    renderer_->on(event, chunks);
  } else if (const auto* finished = std::get_if<messages::Finished>(&event)) {
    add(total_, *finished);
    return part_over(index);
  }
  if (streaming_) {
    emit(chunks, index);
  } else {
    grant(index, 1);
  }
}

void Generation::part_over(std::size_t index) {
  parts_[index].over = true;
  if (++parts_over_ < parts_.size()) return;
  tokens_ = std::uint64_t{total_.usage.prompt_tokens} + total_.usage.completion_tokens;
  std::vector<std::string> chunks;
  renderer_->on(total_, chunks);
  if (!stream_) {
    call_->reply_json(renderer_->body());
    return end(200);
  }
  emit(chunks, index);
  finish_stream("complete");
  end(200);
}

void Generation::fail(const Error& error) {
  if (over_) return;
  cancel_parts();
  if (!streaming_) {
    call_->fail(error);
    return end(to_http_status(error.code));
  }
  emit({error_body(error)}, 0);
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

void Generation::emit(const std::vector<std::string>& chunks, std::size_t part) {
  sent_.push_back(static_cast<std::uint32_t>(part));
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
    const auto part = sent_.front();
    sent_.pop_front();
    if (!over_) grant(part, 1);
  }
}

void Generation::cancel_parts() {
  for (auto& part : parts_) {
    if (!std::exchange(part.over, true)) call_->gateway.port.cancel(part.id);
  }
}

void Generation::end(int status) {
  over_ = true;
  call_->use_tokens(static_cast<double>(tokens_));
  call_->cancel_by_client = nullptr;
  call_->gateway.work_ends(call_->id);
  call_->done(status);
}

}  // namespace zenith::gateway
