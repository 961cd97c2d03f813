// The one door from HTTP to the actor graph. services/ implements it; the gateway's tests fake it.
#pragma once

#include <functional>
#include <memory>

#include "zenith/core/error.hpp"
#include "zenith/messages/directory.hpp"
#include "zenith/messages/reply.hpp"
#include "zenith/messages/request.hpp"
#include "zenith/messages/sensor.hpp"
#include "zenith/messages/system.hpp"
#include "zenith/messages/vision.hpp"

namespace zenith::gateway {

/// Receives a generation's events, in order, from any thread, at most one at a time. Must return at once.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void on_event(messages::Event event) = 0;
};

template <class T>
using Reply = std::function<void(Expected<T>)>;  ///< called exactly once, from any thread

/// Any thread; no call blocks. Every request ends by its header's deadline at the latest, in its last event or its
/// reply.
class Port {
 public:
  virtual ~Port() = default;
  virtual void generate(messages::Generate request, std::shared_ptr<EventSink> sink) = 0;
  /// Audio, then Finished, or an Error; grant and cancel as of a generation.
  virtual void speak(messages::Speak request, std::shared_ptr<EventSink> sink) = 0;
  /// Frames as they come, then Finished at the deadline, or an Error; grant and cancel as of a generation.
  virtual void watch(messages::Watch request, std::shared_ptr<EventSink> sink) = 0;
  /// The client took `events` events: that many more may come.
  virtual void grant(RequestId id, std::uint32_t events) = 0;
  /// The client went away or asked to stop. The sink still gets its last event (Errc::cancelled), unless that came
  /// already.
  virtual void cancel(RequestId id) = 0;
  virtual void embed(messages::Embed request, Reply<messages::Embeddings> reply) = 0;
  virtual void tokenize(messages::Tokenize request, Reply<messages::Tokens> reply) = 0;
  virtual void detokenize(messages::Detokenize request, Reply<messages::Text> reply) = 0;
  virtual void apply_template(messages::ApplyTemplate request, Reply<messages::Text> reply) = 0;
  /// Cancelled by its id, as a generation: the reply is then Errc::cancelled.
  virtual void transcribe(messages::Transcribe request, Reply<messages::Transcript> reply) = 0;
  virtual void read_image(messages::ReadImage request, Reply<messages::ImageReading> reply) = 0;
  virtual void read_window(messages::ReadWindow request, Reply<messages::Window> reply) = 0;
  virtual void set_sensor(messages::SetSensor request, Reply<messages::Text> reply) = 0;
  /// Replies with the service's id. unsupported where this process supervises no sensors.
  virtual void load_sensor(messages::LoadSensor request, Reply<messages::Text> reply) = 0;
  virtual void unload_sensor(messages::UnloadSensor request, Reply<messages::Text> reply) = 0;
  virtual messages::Snapshot snapshot() const = 0;
  virtual messages::SystemStatus system() const = 0;
};

}  // namespace zenith::gateway
