#include "sensor_stream.hpp"

#include "stream_session.hpp"

namespace zenith::gateway {
namespace {

constexpr std::size_t kFewBytes = 16;
constexpr std::uint32_t kManyEvents = 16, kFewEvents = 2;

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

/// So many events never are more than a connection may have waiting: numbers come by the thousand in an event and are
/// small, others may fill theirs.
std::uint32_t credit_for(const std::string& sensor, const messages::Snapshot& snapshot) {
  const auto* entry = find_sensor(snapshot, sensor);
  if (entry == nullptr) return kFewEvents;
  std::size_t bytes = size_of(entry->dtype);
  for (const auto dim : entry->shape) bytes *= dim == 0 || dim > kFewBytes ? kFewBytes + 1 : dim;
  return bytes <= kFewBytes ? kManyEvents : kFewEvents;
}

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
  request.credit_events = credit_for(request.model, gateway.port.snapshot());
  request.header = call->header();
  gateway.port.watch(std::move(request), std::make_shared<WatchSink>(gateway.loop, self));
}

void SensorStream::begin() {
  if (socket_ || std::exchange(streaming_, true)) return;
  call_->start_stream("text/event-stream", ": ping\n\n");
  call_->outlet().send(": " + sensor_id_ + "\n\n", 0);
}

void SensorStream::on_event(messages::Event event) {
  if (over_) return;
  if (const auto* frames = std::get_if<messages::Frames>(&event)) {
    begin();
    send(*frames);
  } else if (std::holds_alternative<messages::Finished>(event)) {
    begin();
    if (socket_) call_->outlet().send(stream_done("complete"), 0);
    call_->outlet().finish();
    end(200);
  } else if (const auto* error = std::get_if<Error>(&event)) {
    fail(*error);
  }
}

void SensorStream::send(const messages::Frames& frames) {
  if (!socket_) return call_->outlet().send(frame_events(sensor_id_, frames), 1);
  const std::size_t last = frames.heads.size() - 1;
  for (std::size_t f = 0; f <= last; ++f) call_->outlet().send(frame_json(sensor_id_, frames, f), f == last ? 1 : 0);
}

void SensorStream::fail(const Error& error) {
  if (over_) return;
  if (socket_) {
    call_->outlet().send(error_body(error), 0);
    call_->outlet().send(stream_done("error"), 0);
  } else if (!streaming_) {
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
