#include <fmt/format.h>

#include <algorithm>
#include <exception>

#include "text/held.hpp"
#include "zenith/actors/protocol.hpp"
#include "zenith/services/heartbeat.hpp"
#include "zenith/services/stopwatch.hpp"
#include "zenith/services/voice/transcriber.hpp"

namespace zenith::services {
namespace {

using namespace actors;

/// From the worker, or from whoever gave the request up while it waited.
struct Transcribed {
  bool ran = false;
};
struct Begun {};

class TranscribeService final : public Actor<ServiceMessage, Transcribed, Begun> {
 public:
  TranscribeService(std::shared_ptr<Transcriber> transcriber, const HostedSetup& setup)
      : transcriber_(std::move(transcriber)), setup_(setup) {}

  void on(ServiceMessage message, Context& self) override {
    std::visit([&](auto& m) { handle(m, self); }, message);
    tell_load();
  }
  void on(Begun, Context&) override {
    running_ = true;
    tell_load();
  }
  void on(Transcribed done, Context&) override {
    --open_;
    if (done.ran) running_ = false;
    tell_load();
  }

 private:
  void handle(TranscribeCall& call, Context& self) {
    if (open_ >= setup_.queue) {
      call.answer.break_with(Error{Errc::overloaded,
                                   fmt::format("{} transcriptions are open, the limit: retry later", open_),
                                   {},
                                   std::chrono::seconds(5)});
      return;
    }
    ++open_;
    const auto held = std::make_shared<Held<messages::Transcribe>>(std::move(call.request));
    const auto done = self.ref<Transcribed>();
    call.answer.on_given_up([held, done] {
      if (held->take()) done.send({});
    });
    auto queued =
        setup_.worker->submit([transcriber = transcriber_, held, answer = call.answer, begun = self.ref<Begun>(), done,
                               watch = Stopwatch{setup_.effects->clock()}]() mutable {
          const auto request = held->take();
          if (!request) return;
          begun.send({});
          watch.begin();
          try {
            auto heard = transcriber->transcribe(*request, [&answer] {
              beat();
              return !answer.kept();
            });
            if (heard) heard->spent = watch.end();
            answer.keep(std::move(heard));
          } catch (const std::exception& e) {
            answer.break_with(Error{Errc::internal, std::string{"the transcription failed: "} + e.what(), {}, {}});
          }
          done.send({true});
        });
    if (queued || !held->take()) return;
    --open_;
    call.answer.break_with(std::move(queued.error()));
  }
  void handle(Submit& submit, Context&) { submit.session.send(FromService{only_hears(), submit.attempt}); }
  void handle(SpeakWork& work, Context&) { work.session.send(FromService{only_hears(), work.attempt}); }
  void handle(WatchWork& work, Context&) { work.session.send(FromService{only_hears(), work.attempt}); }
  void handle(const CancelWork&, Context&) {}
  void handle(const GrantWork&, Context&) {}
  void handle(const Ping& ping, Context&) { ping.answer.keep(Pong{}); }
  template <class Request, class Answer>
  void handle(Call<Request, Answer>& call, Context&) {
    call.answer.break_with(only_hears());
  }

  static Error only_hears() {
    return {Errc::invalid_argument, "this model transcribes speech and does nothing else", "model", {}};
  }

  void tell_load() {
    if (setup_.load == nullptr) return;
    messages::Load load;
    load.running = running_ ? 1 : 0;
    load.queue = static_cast<std::uint32_t>(open_) - std::min(load.running, static_cast<std::uint32_t>(open_));
    load.sequences = 1;
    setup_.load->set(load);
  }

  std::shared_ptr<Transcriber> transcriber_;
  HostedSetup setup_;
  std::size_t open_ = 0;
  bool running_ = false;
};

}  // namespace

std::unique_ptr<Behaviour> make_transcribe_service(std::shared_ptr<Transcriber> transcriber, const HostedSetup& setup) {
  return std::make_unique<TranscribeService>(std::move(transcriber), setup);
}

HostedService hosted_transcriber(std::shared_ptr<Transcriber> transcriber) {
  HostedService out;
  out.entry.kind = messages::ModelKind::transcription;
  out.entry.input_modalities = {"audio"};
  out.entry.output_modalities = {"text"};
  out.entry.architecture = transcriber->info().architecture;
  out.entry.generation = transcriber->info().generation;
  out.make = [transcriber = std::move(transcriber)](const HostedSetup& setup) {
    return make_transcribe_service(transcriber, setup);
  };
  return out;
}

}  // namespace zenith::services
