#include "zenith/services/recording/recording_port.hpp"

#include "recording/lines.hpp"

namespace zenith::services {
namespace {

/// Nanoseconds since the recording began. A request may outlive the port, so this holds no reference to it.
struct Stopwatch {
  const Clock* clock;
  Instant start;
  std::int64_t ns() const { return (clock->now() - start).count(); }
};

class RecordingSink final : public gateway::EventSink {
 public:
  RecordingSink(std::shared_ptr<Recorder> recorder, Stopwatch watch, RequestId id,
                std::shared_ptr<gateway::EventSink> inner)
      : recorder_(std::move(recorder)), watch_(watch), id_(id), inner_(std::move(inner)) {}

  void on_event(messages::Event event) override {
    if (recorder_->active()) {
      recorder_->add(recording::size_of(event),
                     [ns = watch_.ns(), id = id_, event] { return recording::line(ns, id, event); });
    }
    inner_->on_event(std::move(event));
  }

 private:
  std::shared_ptr<Recorder> recorder_;
  Stopwatch watch_;
  RequestId id_;
  std::shared_ptr<gateway::EventSink> inner_;
};

}  // namespace

RecordingPort::RecordingPort(gateway::Port& inner, std::shared_ptr<Recorder> recorder, Effects& effects)
    : inner_(inner), recorder_(std::move(recorder)), effects_(effects), start_(effects.clock().now()) {
  recorder_->add(0, [now = effects_.clock().unix_seconds()] { return recording::first_line(now); });
}

template <class Request>
void RecordingPort::record_request(const Request& request) {
  if (!recorder_->active()) return;
  const Instant now = effects_.clock().now();
  const recording::At at{(now - start_).count(), ++order_};
  recorder_->add(recording::size_of(request),
                 [at, unix_seconds = effects_.clock().unix_seconds(), left = request.header.deadline.left(now).count(),
                  request] { return recording::line(at, unix_seconds, left, request); });
}

template <class Answer>
gateway::Reply<Answer> RecordingPort::recorded(RequestId id, gateway::Reply<Answer> reply) const {
  return [recorder = recorder_, watch = Stopwatch{&effects_.clock(), start_}, id,
          reply = std::move(reply)](Expected<Answer> answer) {
    if (recorder->active()) {
      recorder->add(recording::size_of(answer),
                    [ns = watch.ns(), id, answer] { return recording::line(ns, id, answer); });
    }
    reply(std::move(answer));
  };
}

void RecordingPort::generate(messages::Generate request, std::shared_ptr<gateway::EventSink> sink) {
  if (!request.sampling.seed) request.sampling.seed = effects_.random_seed();
  record_request(request);
  const RequestId id = request.header.id;
  inner_.generate(std::move(request), std::make_shared<RecordingSink>(recorder_, Stopwatch{&effects_.clock(), start_},
                                                                      id, std::move(sink)));
}

void RecordingPort::cancel(RequestId id) {
  if (recorder_->active()) {
    recorder_->add(0, [ns = (effects_.clock().now() - start_).count(), id] { return recording::cancel_line(ns, id); });
  }
  inner_.cancel(id);
}

void RecordingPort::embed(messages::Embed request, gateway::Reply<messages::Embeddings> reply) {
  record_request(request);
  const RequestId id = request.header.id;
  inner_.embed(std::move(request), recorded(id, std::move(reply)));
}
void RecordingPort::tokenize(messages::Tokenize request, gateway::Reply<messages::Tokens> reply) {
  record_request(request);
  const RequestId id = request.header.id;
  inner_.tokenize(std::move(request), recorded(id, std::move(reply)));
}
void RecordingPort::detokenize(messages::Detokenize request, gateway::Reply<messages::Text> reply) {
  record_request(request);
  const RequestId id = request.header.id;
  inner_.detokenize(std::move(request), recorded(id, std::move(reply)));
}
void RecordingPort::apply_template(messages::ApplyTemplate request, gateway::Reply<messages::Text> reply) {
  record_request(request);
  const RequestId id = request.header.id;
  inner_.apply_template(std::move(request), recorded(id, std::move(reply)));
}

}  // namespace zenith::services
