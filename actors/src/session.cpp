#include "zenith/actors/session.hpp"

namespace zenith::actors {
namespace {

class Session final : public Actor<SessionMessage> {
 public:
  explicit Session(SessionSetup setup)
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
      apply(planned->probe == 0 ? state_.on_planned(std::move(planned->plan))
                                : state_.on_probed(std::move(planned->plan), planned->probe),
            self);
    }
    if (const auto* suspect = std::get_if<ServiceSuspect>(&message)) {
      suspected_ = suspect->attempt;
      apply(state_.on_suspect(suspect->attempt, self.now()), self);
    }
    if (auto* from = std::get_if<FromService>(&message)) {
      apply(state_.on_event(std::move(from->event), from->attempt, self.now()), self);
    }
    if (const auto* grant = std::get_if<ClientGrant>(&message)) apply(state_.on_grant(grant->events), self);
    if (auto* cancel = std::get_if<CancelSession>(&message)) apply(state_.on_cancel(std::move(cancel->why)), self);
  }

  void on_wake(Context& self) override { apply(state_.on_deadline(), self); }

  void on_down(const Down& down, Context& self) override {
    if (down.who != service_.address().id()) return;  // of an attempt before
    apply(state_.on_service_down(down.reason, self.now()), self);
  }

 private:
  void apply(SessionState::Outcome out, Context& self) {
    if (out.cancel_work) service_.send(CancelWork{request_->header.id}, Urgency::high);
    if (out.grant > 0) service_.send(GrantWork{request_->header.id, out.grant}, Urgency::high);
    if (out.plan) {
      leave_service(self);
      ask_router(std::move(*out.plan), 0, self);
    }
    if (out.probe) ask_router(std::move(*out.probe), suspected_, self);
    if (out.submit) {
      leave_service(self);
      service_ = std::move(out.submit->stage.service);
      self.watch(service_.address());
      service_.send(Submit{std::move(out.submit->request), self.ref<SessionMessage>(), out.submit->attempt});
    }
    for (auto& event : out.deliver) sink_.deliver(std::move(event));
    if (out.end) self.quit();
  }

  void leave_service(Context& self) {
    if (service_) self.unwatch(service_.address());
    service_ = {};
  }

  void ask_router(PlanLimits limits, std::uint32_t probe, Context& self) {
    const auto me = self.ref<SessionMessage>();
    router_->send(PlanRequest{
        Task::generate,
        request_->model,
        {[me, probe](Expected<std::shared_ptr<const Plan>> plan) { me.send(Planned{std::move(plan), probe}); },
         Error{Errc::unavailable, "the router failed and is being restarted: retry", {}, std::chrono::seconds(1)}},
        std::move(limits)});
  }

  std::shared_ptr<const messages::Generate> request_;
  std::shared_ptr<const SharedRef<RouterMessage>> router_;
  Ref<ServiceMessage> service_;
  std::uint32_t suspected_ = 0;  // attempt
  SessionState state_;
  SessionTable::Entry entry_;  // leaves the table after the sink has had its last event
  GuardedSink sink_;
};

}  // namespace

std::unique_ptr<Behaviour> make_session(SessionSetup setup) { return std::make_unique<Session>(std::move(setup)); }

}  // namespace zenith::actors
