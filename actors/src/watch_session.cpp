#include "zenith/actors/watch_session.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace zenith::actors {

WatchState::Outcome WatchState::finish_with(messages::Event last) {
  Outcome out;
  if (at_ == At::ended) return out;
  out.cancel_work = at_ == At::watching;
  out.deliver = std::move(last);
  out.end = true;
  at_ = At::ended;
  return out;
}

WatchState::Outcome WatchState::on_start() {
  Outcome out;
  out.plan = true;
  return out;
}

WatchState::Outcome WatchState::on_planned(Expected<std::shared_ptr<const Plan>> plan, Instant now) {
  if (at_ != At::planning) return {};
  if (!plan && plan.error().code == Errc::not_found) return finish_with(std::move(plan.error()));  // it was unloaded
  if (!plan) return on_loss(std::move(plan.error()), now);
  if ((*plan)->stages.empty()) return finish_with(Error{Errc::internal, "the plan has no stage", {}, {}});
  Outcome out;
  stage_ = (*plan)->stages.back();
  auto request = std::make_shared<messages::Watch>(*request_);
  request->model = (*plan)->model.name;
  request->from = from_;
  request->credit_events = static_cast<std::uint32_t>(std::min<std::uint64_t>(credit_, UINT32_MAX));
  out.submit = Work{stage_, std::move(request), ++attempt_};
  at_ = At::watching;
  return out;
}

WatchState::Outcome WatchState::on_event(messages::Event event, std::uint32_t attempt, Instant now) {
  if (at_ != At::watching || attempt != attempt_) return {};
  if (auto* error = std::get_if<Error>(&event)) {
    if (error->code == Errc::deadline && begun_) return on_deadline();  // its clock was ahead of ours
    const bool elsewhere =
        error->code == Errc::draining || error->code == Errc::loading || error->code == Errc::unavailable;
    return elsewhere ? on_loss(std::move(*error), now) : finish_with(std::move(event));
  }
  begun_ = true;
  lost_at_.reset();
  if (const auto* frames = std::get_if<messages::Frames>(&event)) {
    from_ = frames->next;
    if (credit_ > 0) --credit_;
  }
  if (messages::is_last(event)) return finish_with(std::move(event));
  Outcome out;
  out.deliver = std::move(event);
  return out;
}

WatchState::Outcome WatchState::on_grant(std::uint32_t events) {
  Outcome out;
  credit_ += events;
  if (at_ == At::watching) out.grant = events;
  return out;
}

WatchState::Outcome WatchState::on_stop(Error why) { return finish_with(std::move(why)); }

WatchState::Outcome WatchState::on_deadline() {
  if (!begun_) return finish_with(Error{Errc::deadline, "the sensor gave no frame in the request's time", {}, {}});
  return finish_with(messages::Finished{});
}

WatchState::Outcome WatchState::on_service_down(const std::string& reason, Instant now) {
  if (at_ != At::watching) return {};
  begun_ = true;
  return on_loss(Error{Errc::unavailable,
                       fmt::format("service '{}' failed and is being restarted: {}", stage_.service_id, reason),
                       {},
                       {}},
                 now);
}

// A sensor that was never there is an answer at once; one that was is waited for.
WatchState::Outcome WatchState::on_loss(Error error, Instant now) {
  if (!lost_at_) lost_at_ = now;
  if (!begun_ || now - *lost_at_ >= kPatience) {
    at_ = At::planning;
    return finish_with(std::move(error));
  }
  at_ = At::waiting;
  Outcome out;
  out.again_at = now + kPause;
  return out;
}

WatchState::Outcome WatchState::on_again() {
  Outcome out;
  if (at_ != At::waiting) return out;
  at_ = At::planning;
  out.plan = true;
  return out;
}

namespace {

class WatchSession final : public Actor<SessionMessage> {
 public:
  explicit WatchSession(WatchSetup setup)
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
    if (auto* planned = std::get_if<Planned>(&message)) {
      apply(state_.on_planned(std::move(planned->plan), self.now()), self);
    }
    if (auto* from = std::get_if<FromService>(&message)) {
      apply(state_.on_event(std::move(from->event), from->attempt, self.now()), self);
    }
    if (const auto* grant = std::get_if<ClientGrant>(&message)) apply(state_.on_grant(grant->events), self);
    if (auto* cancel = std::get_if<CancelSession>(&message)) apply(state_.on_stop(std::move(cancel->why)), self);
  }

  void on_wake(Context& self) override {
    if (request_->header.deadline.passed(self.now())) return apply(state_.on_deadline(), self);
    self.wake_at(request_->header.deadline.at);
    apply(state_.on_again(), self);
  }

  void on_down(const Down& down, Context& self) override {
    if (down.who == service_.address().id())
      apply(state_.on_service_down(down.failed ? down.reason : "it has left", self.now()), self);
  }

 private:
  void apply(WatchState::Outcome out, Context& self) {
    if (out.cancel_work) service_.send(CancelWork{request_->header.id}, Urgency::high);
    if (out.grant > 0) service_.send(GrantWork{request_->header.id, out.grant}, Urgency::high);
    if (out.again_at) self.wake_at(std::min(*out.again_at, request_->header.deadline.at));
    if (out.plan) {
      if (service_) self.unwatch(service_.address());
      service_ = {};
      const auto me = self.ref<SessionMessage>();
      router_->send(PlanRequest{
          Task::sense,
          request_->model,
          {[me](Expected<std::shared_ptr<const Plan>> plan) { me.send(Planned{std::move(plan), 0}); },
           Error{Errc::unavailable, "the router failed and is being restarted: retry", {}, std::chrono::seconds(1)}},
          {}});
    }
    if (out.submit) {
      service_ = std::move(out.submit->stage.service);
      self.watch(service_.address());
      service_.send(WatchWork{std::move(out.submit->request), self.ref<SessionMessage>(), out.submit->attempt});
    }
    if (out.deliver) sink_.deliver(std::move(*out.deliver));
    if (out.end) self.quit();
  }

  std::shared_ptr<const messages::Watch> request_;
  std::shared_ptr<const SharedRef<RouterMessage>> router_;
  Ref<ServiceMessage> service_;
  WatchState state_;
  SessionTable::Entry entry_;  // leaves the table after the sink has had its last event
  GuardedSink sink_;
};

}  // namespace

std::unique_ptr<Behaviour> make_watch_session(WatchSetup setup) {
  return std::make_unique<WatchSession>(std::move(setup));
}

}  // namespace zenith::actors
