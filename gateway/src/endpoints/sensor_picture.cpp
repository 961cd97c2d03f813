// GET /v1/sensors/{id}/picture: what a sensor of pictures saw last, as a file.
#include <fmt/format.h>

#include "api/sensors.hpp"
#include "call.hpp"
#include "endpoints/endpoints.hpp"
#include "zenith/core/bitmap.hpp"
#include "zenith/messages/picture.hpp"

namespace zenith::gateway {
namespace {

using Done = std::function<void(Expected<messages::Frames>)>;

/// The first frames of a watch, which ends with them. Any thread.
class FirstFrames final : public EventSink {
 public:
  FirstFrames(Done done, Port& port, RequestId id) : done_(std::move(done)), port_(port), id_(id) {}
  ~FirstFrames() override { end(fail(Errc::internal, "the service dropped the request without an answer")); }
  void on_event(messages::Event event) override {
    if (auto* frames = std::get_if<messages::Frames>(&event)) {
      end(std::move(*frames));
      port_.cancel(id_);
    } else if (auto* error = std::get_if<Error>(&event)) {
      end(tl::make_unexpected(std::move(*error)));
    } else if (std::holds_alternative<messages::Finished>(event)) {
      end(fail(Errc::deadline, "the sensor gave no picture in the request's time"));
    }
  }

 private:
  void end(Expected<messages::Frames> result) {
    if (const auto done = std::exchange(done_, nullptr)) done(std::move(result));
  }
  Done done_;
  Port& port_;
  RequestId id_;
};

void reply_with(Call& call, const messages::Frames& frames) {
  if (frames.dtype != messages::SampleType::u8 || frames.dims.size() != 3 || frames.dims[2] != 3) {
    return call.fail({Errc::bad_frame, "the sensor gave something else than a picture", {}, {}});
  }
  const std::size_t bytes = frames.data.size() / frames.heads.size();
  auto file = bitmap_of(frames.data.bytes().last(bytes), frames.dims[1], frames.dims[0]);
  if (!file) return call.fail(file.error());
  HttpReply reply;
  reply.content_type = "image/bmp";
  reply.headers.emplace_back("Cache-Control", "no-store");
  reply.body = std::move(*file);
  call.reply(std::move(reply));
}

}  // namespace

void sensor_picture(const std::shared_ptr<Call>& call) {
  if (auto query = Query::read(call->request.target, {}); !query) return call->fail(query.error());
  auto& port = call->gateway.port;
  const auto snapshot = port.snapshot();
  const auto* entry = find_sensor(snapshot, call->parameter);
  if (entry == nullptr) return call->fail(unknown_sensor(call->parameter, snapshot));
  if (!messages::is_picture(*entry)) {
    return call->fail(
        {Errc::invalid_argument,
         fmt::format("sensor \"{}\" gives numbers, no pictures: ask for its window or its frames", call->parameter),
         "sensor_id",
         {}});
  }
  messages::Watch watch;
  watch.header = call->header();
  watch.model = call->parameter;
  watch.credit_events = 1;
  // The newest that there is, however old; of a sensor that keeps every frame for its readers, the next one.
  if (entry->policy == messages::BackPressure::latest) watch.from = 0;
  auto done = call->expect<messages::Frames>([](Call& c, const messages::Frames& frames) { reply_with(c, frames); });
  port.watch(std::move(watch), std::make_shared<FirstFrames>(std::move(done), port, call->id));
}

}  // namespace zenith::gateway
