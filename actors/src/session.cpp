#include "zenith/actors/session.hpp"

#include "zenith/actors/hops.hpp"
#include "zenith/actors/stages.hpp"

namespace zenith::actors {
namespace {

class Session final : public Actor<SessionMessage> {
 public:
  explicit Session(SessionSetup setup)
      : request_(std::move(setup.request)),
        router_(std::move(setup.router)),
        entry_(std::move(setup.entry)),
        sink_(std::move(setup.sink)) {
    if (request_->staged.empty()) {
      before_ = needs_before(*request_);
      state_.emplace(without_speaker(request_));
    } else {
      stages_.emplace(request_);
    }
  }

  void on_start(Context& self) override {
    self.wake_at(request_->header.deadline.at);
    if (stages_) return apply(stages_->on_start(), self);
    apply(state_->on_start(), self);
  }

  void on(SessionMessage message, Context& self) override {
    if (!state_) return on_stage_message(message, self);
    if (auto* planned = std::get_if<Planned>(&message)) {
      apply(planned->probe == 0 ? state_->on_planned(std::move(planned->plan))
                                : state_->on_probed(std::move(planned->plan), planned->probe),
            self);
    }
    if (const auto* suspect = std::get_if<ServiceSuspect>(&message)) {
      suspected_ = suspect->attempt;
      apply(state_->on_suspect(suspect->attempt, self.now()), self);
    }
    if (auto* from = std::get_if<FromService>(&message)) {
      link_ = from->spent;
      apply(state_->on_event(std::move(from->event), from->attempt, self.now()), self);
    }
    if (const auto* grant = std::get_if<ClientGrant>(&message)) apply(state_->on_grant(grant->events), self);
    if (auto* cancel = std::get_if<CancelSession>(&message)) apply(state_->on_cancel(std::move(cancel->why)), self);
  }

  void on_wake(Context& self) override {
    if (state_) return apply(state_->on_deadline(), self);
    apply(stages_->on_stop(Error{Errc::deadline, "the request's time is over", {}, {}}), self);
  }

  void on_down(const Down& down, Context& self) override {
    if (!state_ || down.who != service_.address().id()) return;  // of an attempt before
    apply(state_->on_service_down(down.failed ? down.reason : "it has left", self.now()), self);
  }

 private:
  static std::shared_ptr<const messages::Generate> without_speaker(std::shared_ptr<const messages::Generate> request) {
    if (request->speaker.empty()) return request;
    auto plain = std::make_shared<messages::Generate>(*request);
    plain->speaker.clear();
    return plain;
  }

  // ---- the stages before the text service

  void on_stage_message(SessionMessage& message, Context& self) {
    if (auto* planned = std::get_if<Planned>(&message)) apply(stages_->on_planned(std::move(planned->plan)), self);
    if (auto* done = std::get_if<StageDone>(&message)) {
      if (done->attempt == stage_attempt_) end_stage(done->answer, self);
      apply(stages_->on_done(std::move(*done)), self);
    }
    if (auto* cancel = std::get_if<CancelSession>(&message)) apply(stages_->on_stop(std::move(cancel->why)), self);
  }

  void end_stage(const Expected<StageAnswer>& answer, Context& self) {
    if (!answer) return hop_.fail(answer.error(), self.now());
    hop_.end(std::visit([](const auto& a) { return a.spent; }, *answer), self.now());
  }

  void apply(StagesState::Outcome out, Context& self) {
    if (out.stop_work && stop_work_) stop_work_(Error{Errc::cancelled, "nobody waits for it any more", {}, {}});
    if (out.plan) ask_router(*out.plan, 0, self);
    if (out.work) std::visit([&](const auto& what) { begin(what, *out.work, self); }, out.work->part->what);
    if (out.failed) {
      hop_.fail(*out.failed, self.now());
      sink_.deliver(std::move(*out.failed));
      return self.quit();
    }
    if (!out.ready) return;
    state_.emplace(std::move(out.ready));
    apply(state_->on_start(), self);
  }

  void begin(const messages::ImagePart& part, const StagesState::Work& work, Context& self) {
    messages::ReadImage read;
    read.header = request_->header;
    read.model = work.stage.model;
    read.image = part.image;
    call<messages::ReadImage, messages::ImageReading>(std::move(read), work, self);
  }

  void begin(const messages::SensorPart& part, const StagesState::Work& work, Context& self) {
    messages::ReadWindow read;
    read.header = request_->header;
    read.model = work.stage.model;
    read.window = part.window;
    read.pictures = true;
    call<messages::ReadWindow, messages::Window>(std::move(read), work, self);
  }

  void begin(const messages::AudioPart& part, const StagesState::Work& work, Context& self) {
    messages::Transcribe hear;
    hear.header = request_->header;
    hear.model = work.stage.model;
    hear.audio = part.audio;
    call<messages::Transcribe, messages::Transcript>(std::move(hear), work, self);
  }

  /// The service's death keeps the promise, too: nothing has to be watched.
  template <class Request, class Answer>
  void call(Request request, const StagesState::Work& work, Context& self) {
    hop_.begin(request.header, work.stage, work.tries, self.now());
    stage_attempt_ = work.attempt;
    const Promise<Answer> answer{
        [me = self.ref<SessionMessage>(), attempt = work.attempt](Expected<Answer> result) {
          me.send(
              StageDone{std::move(result).map([](Answer value) { return StageAnswer{std::move(value)}; }), attempt});
        },
        Error{Errc::unavailable, "it failed and is being restarted", {}, std::chrono::seconds(1)}};
    stop_work_ = answer.breaker();
    work.stage.service.send(Call<Request, Answer>{std::move(request), answer});
  }

  // ---- the text service

  void apply(SessionState::Outcome out, Context& self) {
    if (out.cancel_work) service_.send(CancelWork{request_->header.id}, Urgency::high);
    if (out.grant > 0) service_.send(GrantWork{request_->header.id, out.grant}, Urgency::high);
    if (out.plan) {
      if (state_->lost()) hop_.fail(*state_->lost(), self.now());
      leave_service(self);
      ask_router({Task::generate, request_->model, std::move(*out.plan), std::exchange(before_, {})}, 0, self);
    }
    if (out.probe) ask_router({Task::generate, request_->model, std::move(*out.probe), {}}, suspected_, self);
    if (out.submit) submit(std::move(*out.submit), self);
    for (auto& event : out.deliver) {
      if (const auto* error = std::get_if<Error>(&event)) hop_.fail(*error, self.now());
      if (auto* finished = std::get_if<messages::Finished>(&event)) {
        if (stages_) finished->modality_path = stages_->path();
        hop_.end(finished->usage, spent_of(finished->timings, link_), self.now());
      }
      sink_.deliver(std::move(event));
    }
    if (out.end) self.quit();
  }

  void submit(SessionState::Work work, Context& self) {
    if (hop_.open()) hop_.fail({Errc::unavailable, "another service has taken over", {}, {}}, self.now());
    leave_service(self);
    service_ = work.stage.service;
    self.watch(service_.address());
    if (request_->header.receipt) {
      auto named = std::make_shared<messages::Generate>(*work.request);
      hop_.begin(named->header, work.stage, work.attempt, self.now());
      work.request = std::move(named);
    }
    link_ = {};
    service_.send(Submit{std::move(work.request), self.ref<SessionMessage>(), work.attempt});
  }

  void leave_service(Context& self) {
    if (service_) self.unwatch(service_.address());
    service_ = {};
  }

  void ask_router(StagesState::Ask ask, std::uint32_t probe, Context& self) {
    const auto me = self.ref<SessionMessage>();
    router_->send(PlanRequest{
        ask.task,
        std::move(ask.model),
        {[me, probe](Expected<std::shared_ptr<const Plan>> plan) { me.send(Planned{std::move(plan), probe}); },
         Error{Errc::unavailable, "the router failed and is being restarted: retry", {}, std::chrono::seconds(1)}},
        std::move(ask.limits),
        std::move(ask.before)});
  }

  std::shared_ptr<const messages::Generate> request_;
  std::shared_ptr<const SharedRef<RouterMessage>> router_;
  std::optional<StagesState> stages_;     // absent: the request is all text
  std::function<void(Error)> stop_work_;  // of the stage
  Ref<ServiceMessage> service_;
  std::uint32_t suspected_ = 0;        // attempt
  std::vector<Need> before_;           // of the first plan, when it is made for the text service
  OpenHop hop_;                        // what runs now
  std::uint32_t stage_attempt_ = 0;    // of a stage: what its answer says
  messages::Spent link_;               // of the text service's last event
  std::optional<SessionState> state_;  // absent: stages come first
  SessionTable::Entry entry_;          // leaves the table after the sink has had its last event
  GuardedSink sink_;
};

}  // namespace

std::unique_ptr<Behaviour> make_session(SessionSetup setup) { return std::make_unique<Session>(std::move(setup)); }

}  // namespace zenith::actors
