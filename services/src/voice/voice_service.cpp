#include "zenith/services/voice/voice_service.hpp"

#include <atomic>
#include <exception>
#include <unordered_map>

#include "zenith/services/voice/voice_core.hpp"

namespace zenith::services {
namespace {

using namespace actors;

/// From the worker: a piece of the sentence that is being made.
struct SamplesReady {
  RequestId id;
  std::vector<std::int16_t> samples;
};
struct SentenceDone {
  RequestId id;
  Status result;
};

class VoiceService final : public Actor<ServiceMessage, SamplesReady, SentenceDone> {
 public:
  explicit VoiceService(VoiceSetup setup) : setup_(std::move(setup)), core_(setup_.speaker->info(), setup_.queue) {}
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
    self.watch(work.session.address());
    by_actor_[work.session.address().id()] = id;
    clients_[id] = Client{work.session, work.attempt};
    core_.arrive(*work.request, self.now());
  }
  void handle(Submit& submit, Context&) { submit.session.send(FromService{no_text(), submit.attempt}); }
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
    const RequestId id = job->id;
    const auto taken =
        setup_.worker->submit([speaker = setup_.speaker, job = std::move(*job), gone = clients_.at(id).gone,
                               samples = self.ref<SamplesReady>(), done = self.ref<SentenceDone>()] {
          Status result;
          try {
            if (!*gone) {
              result = speaker->speak(job.sentence, job.voice, job.speed, [&](std::vector<std::int16_t> piece) {
                samples.send(SamplesReady{job.id, std::move(piece)});
                return !gone->load();
              });
            }
          } catch (const std::exception& e) {
            result = fail(Errc::internal, std::string{"the sentence could not be spoken: "} + e.what());
          }
          done.send(SentenceDone{job.id, std::move(result)});
        });
    if (!taken) self.ref<SentenceDone>().send(SentenceDone{id, taken});
  }

  messages::Load load() const {
    messages::Load load;
    load.running = core_.busy() ? 1 : 0;
    load.queue = static_cast<std::uint32_t>(core_.open()) -
                 std::min<std::uint32_t>(load.running, static_cast<std::uint32_t>(core_.open()));
    load.sequences = 1;
    return load;
  }

  VoiceSetup setup_;
  VoiceCore core_;
  std::unordered_map<RequestId, Client> clients_;
  std::unordered_map<ActorId, RequestId> by_actor_;
};

}  // namespace

std::unique_ptr<Behaviour> make_voice_service(VoiceSetup setup) {
  return std::make_unique<VoiceService>(std::move(setup));
}

}  // namespace zenith::services
