#include "zenith/services/voice/voice_service.hpp"

#include <atomic>
#include <exception>
#include <unordered_map>

#include "zenith/actors/protocol.hpp"
#include "zenith/services/heartbeat.hpp"
#include "zenith/services/voice/voice_core.hpp"

namespace zenith::services {
namespace {

using namespace actors;

/// From the worker: a piece of the sentence that is being made.
struct SamplesReady {
  RequestId id;
  std::vector<std::int16_t> samples;
};
/// The same of a file.
struct BytesReady {
  RequestId id;
  std::vector<std::uint8_t> bytes;
};
struct SentenceDone {
  RequestId id;
  Status result;
};

class VoiceService final : public Actor<ServiceMessage, SamplesReady, BytesReady, SentenceDone> {
 public:
  VoiceService(std::shared_ptr<Speaker> speaker, EncoderFactory encoders, const HostedSetup& setup)
      : speaker_(std::move(speaker)),
        encoders_(std::move(encoders)),
        setup_(setup),
        core_(speaker_->info(), setup_.queue) {}
  ~VoiceService() override {
    for (const auto& [id, client] : clients_) *client.gone = true;
  }

  void on(ServiceMessage message, Context& self) override {
    std::visit([&](auto& m) { handle(m, self); }, message);
    pump(self);
  }

  void on(SamplesReady ready, Context& self) override {
    core_.samples(ready.id, std::move(ready.samples));
    pump(self);
  }

  void on(BytesReady ready, Context& self) override {
    core_.bytes(ready.id, std::move(ready.bytes));
    pump(self);
  }

  void on(SentenceDone done, Context& self) override {
    core_.job_done(done.id, done.result, self.now());
    pump(self);
  }

  void on_down(const Down& down, Context& self) override {
    const auto it = by_actor_.find(down.who);
    if (it == by_actor_.end()) return;
    forget(it->second);
    pump(self);
  }

 private:
  struct Client {
    Ref<SessionMessage> session;
    std::uint32_t attempt = 1;
    std::shared_ptr<std::atomic<bool>> gone = std::make_shared<std::atomic<bool>>(false);
    std::shared_ptr<SpeechEncoder> encoder{};  ///< touched by the worker only; null: samples
  };

  void handle(SpeakWork& work, Context& self) {
    const RequestId id = work.request->header.id;
    if (const auto known = clients_.find(id); known != clients_.end()) {
      if (work.attempt <= known->second.attempt) {
        return work.session.send(
            FromService{Error{Errc::internal, "the request's id is in use", {}, {}}, work.attempt});
      }
      forget(id);
    }
    Client client{work.session, work.attempt};
    if (work.request->format != messages::AudioFormat::samples) {
      auto encoder = encoders_(work.request->format, speaker_->info().sample_rate);
      if (!encoder) return work.session.send(FromService{std::move(encoder.error()), work.attempt});
      client.encoder = std::move(*encoder);
    }
    self.watch(work.session.address());
    by_actor_[work.session.address().id()] = id;
    clients_[id] = std::move(client);
    core_.arrive(*work.request, self.now());
  }
  void handle(Submit& submit, Context&) { submit.session.send(FromService{no_text(), submit.attempt}); }
  void handle(WatchWork& work, Context&) { work.session.send(FromService{no_text(), work.attempt}); }
  void handle(const CancelWork& cancel, Context&) { forget(cancel.id); }
  void handle(const GrantWork& grant, Context&) { core_.grant(grant.id, grant.events); }
  void handle(const Ping& ping, Context&) { ping.answer.keep(Pong{}); }
  template <class Request, class Answer>
  void handle(Call<Request, Answer>& call, Context&) {
    call.answer.break_with(no_text());
  }

  static Error no_text() { return {Errc::invalid_argument, "this model speaks and does nothing else", "model", {}}; }

  void forget(RequestId id) {
    core_.cancel(id);
    const auto it = clients_.find(id);
    if (it == clients_.end()) return;
    *it->second.gone = true;
    by_actor_.erase(it->second.session.address().id());
    clients_.erase(it);
  }

  // Sends what the core has to say and starts the next sentence.
  void pump(Context& self) {
    for (auto& [id, event] : core_.take_events()) {
      const auto it = clients_.find(id);
      if (it == clients_.end()) continue;
      const bool last = messages::is_last(event);
      it->second.session.send(FromService{std::move(event), it->second.attempt});
      if (last) forget(id);
    }
    auto job = core_.next_job();
    if (setup_.load != nullptr) setup_.load->set(load());
    if (!job) return;
    const Client& client = clients_.at(job->id);
    const Work work{speaker_, client.encoder, client.gone, self.ref<SamplesReady>(), self.ref<BytesReady>()};
    const auto taken = setup_.worker->submit([work, job = *job, done = self.ref<SentenceDone>()] {
      Status result;
      try {
        if (!*work.gone) result = make(work, job);
      } catch (const std::exception& e) {
        result = fail(Errc::internal, std::string{"the sentence could not be spoken: "} + e.what());
      }
      done.send(SentenceDone{job.id, std::move(result)});
    });
    if (!taken) self.ref<SentenceDone>().send(SentenceDone{job->id, taken});
  }

  /// What the worker needs of a request.
  struct Work {
    std::shared_ptr<Speaker> speaker;
    std::shared_ptr<SpeechEncoder> encoder;
    std::shared_ptr<std::atomic<bool>> gone;
    Ref<SamplesReady> samples;
    Ref<BytesReady> bytes;
  };

  // On the worker.
  static Status make(const Work& work, const SpeechJob& job) {
    Status encoded;
    const auto send = [&](Expected<std::vector<std::uint8_t>> bytes) {
      if (!bytes) {
        encoded = tl::make_unexpected(std::move(bytes.error()));
      } else if (!bytes->empty()) {
        work.bytes.send(BytesReady{job.id, std::move(*bytes)});
      }
    };
    auto result = work.speaker->speak(job.sentence, job.voice, job.speed, [&](std::vector<std::int16_t> piece) {
      if (work.encoder) {
        send(work.encoder->take(piece));
      } else {
        work.samples.send(SamplesReady{job.id, std::move(piece)});
      }
      beat();
      return encoded && !work.gone->load();
    });
    const bool spoken = result || result.error().code == Errc::unsupported;
    if (work.encoder && job.last && spoken && encoded) send(work.encoder->finish());
    return encoded ? result : encoded;
  }

  messages::Load load() const {
    messages::Load load;
    load.running = core_.busy() ? 1 : 0;
    load.queue = static_cast<std::uint32_t>(core_.open()) -
                 std::min<std::uint32_t>(load.running, static_cast<std::uint32_t>(core_.open()));
    load.sequences = 1;
    return load;
  }

  std::shared_ptr<Speaker> speaker_;
  EncoderFactory encoders_;
  HostedSetup setup_;
  VoiceCore core_;
  std::unordered_map<RequestId, Client> clients_;
  std::unordered_map<ActorId, RequestId> by_actor_;
};

}  // namespace

std::unique_ptr<Behaviour> make_voice_service(std::shared_ptr<Speaker> speaker, EncoderFactory encoders,
                                              const HostedSetup& setup) {
  return std::make_unique<VoiceService>(std::move(speaker), std::move(encoders), setup);
}

}  // namespace zenith::services
