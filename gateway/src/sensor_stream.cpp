#include "sensor_stream.hpp"

namespace zenith::gateway {
namespace {

/// The service's end. Any thread.
class WatchSink final : public EventSink {
 public:
  WatchSink(std::shared_ptr<Loop> loop, std::shared_ptr<SensorStream> stream)
      : loop_(std::move(loop)), stream_(std::move(stream)) {}
  ~WatchSink() override {
    loop_->post([stream = std::move(stream_)] {
      stream->on_event(Error{Errc::internal, "the service dropped the request without an answer", {}, {}});
    });
  }
  void on_event(messages::Event event) override {
    loop_->post([stream = stream_, event = std::move(event)]() mutable { stream->on_event(std::move(event)); });
  }

 private:
  std::shared_ptr<Loop> loop_;
  std::shared_ptr<SensorStream> stream_;
};

}  // namespace

void SensorStream::start(const std::shared_ptr<Call>& call, messages::Watch request) {
  auto& gateway = call->gateway;
  const std::shared_ptr<SensorStream> self(new SensorStream(call, request.model));
  const std::weak_ptr<SensorStream> weak = self;
  gateway.endless_work_begins(call->id, [weak](const Error& error) {
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
  // A sensor may be silent for long: the head goes out at once when there is such a sensor.
  for (const auto& sensor : gateway.port.snapshot().sensors) {
    if (sensor.entry && sensor.entry->name == request.model && sensor.status.health == messages::Health::ready) {
      self->begin();
      break;
    }
  }
  request.header = call->header();
  gateway.port.watch(std::move(request), std::make_shared<WatchSink>(gateway.loop, self));
}

void SensorStream::begin() {
  if (std::exchange(streaming_, true)) return;
  call_->start_stream("text/event-stream", ": ping\n\n");
  call_->outlet().send(": " + sensor_id_ + "\n\n", 0);
}

void SensorStream::on_event(messages::Event event) {
  if (over_) return;
  if (const auto* frames = std::get_if<messages::Frames>(&event)) {
    begin();
    call_->outlet().send(frame_events(sensor_id_, *frames), 1);
  } else if (std::holds_alternative<messages::Finished>(event)) {
    begin();
    call_->outlet().finish();
    end(200);
  } else if (const auto* error = std::get_if<Error>(&event)) {
    fail(*error);
  }
}

void SensorStream::fail(const Error& error) {
  if (over_) return;
  if (!streaming_) {
    call_->fail(error);
  } else {
    call_->outlet().send("event: error\ndata: " + error_body(error) + "\n\n", 0);
    call_->outlet().finish();
  }
  end(to_http_status(error.code));
}

void SensorStream::end(int status) {
  over_ = true;
  call_->gateway.work_ends(call_->id);
  call_->done(status);
}

}  // namespace zenith::gateway
