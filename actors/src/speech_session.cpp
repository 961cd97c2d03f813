#include "zenith/actors/speech_session.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "zenith/actors/hops.hpp"

namespace zenith::actors {

SpeechState::Outcome SpeechState::fail_with(Error error) {
  Outcome out;
  if (at_ == At::ended) return out;
  out.cancel_work = at_ == At::speaking;
  out.deliver = std::move(error);
  out.end = true;
  at_ = At::ended;
  return out;
}

SpeechState::Outcome SpeechState::on_start() {
  Outcome out;
  out.plan = limits_;
  return out;
}

SpeechState::Outcome SpeechState::on_planned(Expected<std::shared_ptr<const Plan>> plan) {
  if (at_ != At::planning) return {};
  if (!plan) return fail_with(lost_ ? std::move(*lost_) : std::move(plan.error()));
  if ((*plan)->stages.empty()) return fail_with(Error{Errc::internal, "the plan has no stage", {}, {}});
  Outcome out;
  stage_ = (*plan)->stages.back();
  auto request = std::make_shared<messages::Speak>(*request_);
  request->model = (*plan)->model.name;  // another process need not know our aliases
  out.submit = Work{stage_, std::move(request), ++attempt_};
  at_ = At::speaking;
  return out;
}

SpeechState::Outcome SpeechState::on_event(messages::Event event, std::uint32_t attempt) {
  if (at_ != At::speaking || attempt != attempt_) return {};
  if (auto* error = std::get_if<Error>(&event)) {
    const bool elsewhere = error->code == Errc::draining || error->code == Errc::loading ||
                           error->code == Errc::unavailable || (error->code == Errc::overloaded && attempt_ > 1);
    if (elsewhere) {
      error->message = fmt::format("service '{}': {}", stage_.service_id, error->message);
      return on_loss(std::move(*error));
    }
  }
  begun_ =
      begun_ || std::holds_alternative<messages::Audio>(event) || std::holds_alternative<messages::AudioBytes>(event);
  Outcome out;
  out.end = messages::is_last(event);
  if (out.end) at_ = At::ended;
  out.deliver = std::move(event);
  return out;
}

SpeechState::Outcome SpeechState::on_grant(std::uint32_t events) const {
  Outcome out;
  if (at_ == At::speaking) out.grant = events;
  return out;
}

SpeechState::Outcome SpeechState::on_stop(Error why) { return fail_with(std::move(why)); }

SpeechState::Outcome SpeechState::on_service_down(const std::string& reason) {
  if (at_ != At::speaking) return {};
  return on_loss(Error{Errc::unavailable,
                       fmt::format("service '{}' failed and is being restarted: {}", stage_.service_id, reason),
                       {},
                       {}});
}

SpeechState::Outcome SpeechState::on_loss(Error error) {
  error.retry_after = std::max(error.retry_after, std::chrono::milliseconds(1000));
  at_ = At::planning;
  if (begun_ || attempt_ >= kAttempts) return fail_with(std::move(error));
  lost_ = std::move(error);
  std::erase_if(limits_.avoid, [&](const Avoid& a) { return a.service_id == stage_.service_id; });
  limits_.avoid.push_back({stage_.service_id, stage_.service.address().id()});
  Outcome out;
  out.plan = limits_;
  return out;
}

namespace {

class SpeechSession final : public Actor<SessionMessage> {
 public:
  explicit SpeechSession(SpeechSetup setup)
      : request_(setup.request),
        router_(std::move(setup.router)),
        state_(std::move(setup.request)),
        entry_(std::move(setup.entry)),
        sink_(std::move(setup.sink)) {}

  void on_start(Context& self) override {
    self.wake_at(request_->header.deadline.at);
    apply(state_.on_start(), self);
  }

  void on(SessionMessage message, Context& self) override {
    if (auto* planned = std::get_if<Planned>(&message)) apply(state_.on_planned(std::move(planned->plan)), self);
    if (auto* from = std::get_if<FromService>(&message)) {
      link_ = from->spent;
      apply(state_.on_event(std::move(from->event), from->attempt), self);
    }
    if (const auto* grant = std::get_if<ClientGrant>(&message)) apply(state_.on_grant(grant->events), self);
    if (auto* cancel = std::get_if<CancelSession>(&message)) apply(state_.on_stop(std::move(cancel->why)), self);
  }

  void on_wake(Context& self) override {
    apply(state_.on_stop(Error{Errc::deadline, "the request's time is over", {}, {}}), self);
  }

  void on_down(const Down& down, Context& self) override {
    if (down.who == service_.address().id())
      apply(state_.on_service_down(down.failed ? down.reason : "it has left"), self);
  }

 private:
  void apply(SpeechState::Outcome out, Context& self) {
    if (out.cancel_work) service_.send(CancelWork{request_->header.id}, Urgency::high);
    if (out.grant > 0) service_.send(GrantWork{request_->header.id, out.grant}, Urgency::high);
    if (out.plan) {
      if (state_.lost()) hop_.fail(*state_.lost(), self.now());
      if (service_) self.unwatch(service_.address());
      service_ = {};
      const auto me = self.ref<SessionMessage>();
      router_->send(PlanRequest{
          Task::speak,
          request_->model,
          {[me](Expected<std::shared_ptr<const Plan>> plan) { me.send(Planned{std::move(plan), 0}); },
           Error{Errc::unavailable, "the router failed and is being restarted: retry", {}, std::chrono::seconds(1)}},
          std::move(*out.plan)});
    }
    if (out.submit) {
      service_ = out.submit->stage.service;
      self.watch(service_.address());
      hop_.begin(out.submit->request->header, out.submit->stage, out.submit->attempt, self.now());
      link_ = {};
      service_.send(SpeakWork{std::move(out.submit->request), self.ref<SessionMessage>(), out.submit->attempt});
    }
    if (out.deliver) {
      if (const auto* error = std::get_if<Error>(&*out.deliver)) hop_.fail(*error, self.now());
      if (const auto* finished = std::get_if<messages::Finished>(&*out.deliver)) {
        hop_.end(spent_of(finished->timings, link_), self.now());
      }
      sink_.deliver(std::move(*out.deliver));
    }
    if (out.end) self.quit();
  }

  std::shared_ptr<const messages::Speak> request_;
  std::shared_ptr<const SharedRef<RouterMessage>> router_;
  Ref<ServiceMessage> service_;
  SpeechState state_;
  OpenHop hop_;
  messages::Spent link_;       // of the service's last event
  SessionTable::Entry entry_;  // leaves the table after the sink has had its last event
  GuardedSink sink_;
};

}  // namespace

std::unique_ptr<Behaviour> make_speech_session(SpeechSetup setup) {
  return std::make_unique<SpeechSession>(std::move(setup));
}

}  // namespace zenith::actors
