// A session written down as it happens: what came through the door, in order, and what went back.
#pragma once

#include <atomic>
#include <memory>

#include "zenith/core/effects.hpp"
#include "zenith/gateway/port.hpp"
#include "zenith/services/recording/recorder.hpp"

namespace zenith::services {

/// Passes everything on unchanged but for one thing: a generation without a seed gets its seed here, so that the
/// record holds what it was. docs/howto/recording.md has the lines. effects and inner must outlive it; sinks and
/// replies hold the recorder.
class RecordingPort final : public gateway::Port {
 public:
  /// Writes the first line.
  RecordingPort(gateway::Port& inner, std::shared_ptr<Recorder> recorder, Effects& effects);

  void generate(messages::Generate request, std::shared_ptr<gateway::EventSink> sink) override;
  /// Not written down: the words are made anew each time, so there is nothing to compare a replay with.
  void speak(messages::Speak request, std::shared_ptr<gateway::EventSink> sink) override {
    inner_.speak(std::move(request), std::move(sink));
  }
  /// Nor are sensors: what they measured is not asked for again.
  void watch(messages::Watch request, std::shared_ptr<gateway::EventSink> sink) override {
    inner_.watch(std::move(request), std::move(sink));
  }
  void read_window(messages::ReadWindow request, gateway::Reply<messages::Window> reply) override {
    inner_.read_window(std::move(request), std::move(reply));
  }
  void set_sensor(messages::SetSensor request, gateway::Reply<messages::Text> reply) override {
    inner_.set_sensor(std::move(request), std::move(reply));
  }
  void load_sensor(messages::LoadSensor request, gateway::Reply<messages::Text> reply) override {
    inner_.load_sensor(std::move(request), std::move(reply));
  }
  void unload_sensor(messages::UnloadSensor request, gateway::Reply<messages::Text> reply) override {
    inner_.unload_sensor(std::move(request), std::move(reply));
  }
  void grant(RequestId id, std::uint32_t events) override { inner_.grant(id, events); }
  void cancel(RequestId id) override;
  void embed(messages::Embed request, gateway::Reply<messages::Embeddings> reply) override;
  void tokenize(messages::Tokenize request, gateway::Reply<messages::Tokens> reply) override;
  void detokenize(messages::Detokenize request, gateway::Reply<messages::Text> reply) override;
  void apply_template(messages::ApplyTemplate request, gateway::Reply<messages::Text> reply) override;
  /// Not written down: the sound is not kept.
  void transcribe(messages::Transcribe request, gateway::Reply<messages::Transcript> reply) override {
    inner_.transcribe(std::move(request), std::move(reply));
  }
  /// Not written down: a recording has no pictures.
  void read_image(messages::ReadImage request, gateway::Reply<messages::ImageReading> reply) override {
    inner_.read_image(std::move(request), std::move(reply));
  }
  messages::Snapshot snapshot() const override { return inner_.snapshot(); }
  messages::SystemStatus system() const override { return inner_.system(); }

 private:
  template <class Request>
  void record_request(const Request& request);
  template <class Answer>
  gateway::Reply<Answer> recorded(RequestId id, gateway::Reply<Answer> reply) const;

  gateway::Port& inner_;
  std::shared_ptr<Recorder> recorder_;
  Effects& effects_;
  Instant start_;
  std::atomic<std::uint64_t> order_{0};
};

}  // namespace zenith::services
