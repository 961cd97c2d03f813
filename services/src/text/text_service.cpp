#include "zenith/services/text/text_service.hpp"

#include <atomic>
#include <exception>
#include <unordered_map>

#include "calls.hpp"
#include "text_metrics.hpp"
#include "zenith/services/text/preparation.hpp"

namespace zenith::services {
namespace {

using namespace actors;

struct PreparationDone {
  RequestId id;
  std::uint32_t attempt = 1;
  Expected<Prepared> prompt;
};
struct StepDone {
  StepReport report;
};

class TextService final : public Actor<ServiceMessage, PreparationDone, StepDone> {
 public:
  explicit TextService(TextSetup setup)
      : setup_(std::move(setup)),
        core_(setup_.engine->limits, *setup_.effects),
        metrics_(*setup_.metrics, setup_.engine->name) {}

  void on_start(Context& self) override { pump(self); }

  void on(ServiceMessage message, Context& self) override {
    if (auto* submit = std::get_if<Submit>(&message)) {
      on_submit(std::move(*submit), self);
    } else if (const auto* cancel = std::get_if<CancelWork>(&message)) {
      forget(cancel->id);
    } else if (const auto* grant = std::get_if<GrantWork>(&message)) {
      core_.grant(grant->id, grant->events);
    } else if (auto* embed = std::get_if<EmbedCall>(&message)) {
      embed->answer.break_with(Error{Errc::invalid_argument, "this model computes no embeddings", "model", {}});
    } else {
      handle_text_call(message, setup_);
      return;
    }
    pump(self);
  }

  void on(PreparationDone done, Context& self) override {
    const auto it = clients_.find(done.id);
    if (it == clients_.end() || it->second.attempt != done.attempt) return;
    core_.prepared(done.id, std::move(done.prompt));
    pump(self);
  }

  void on(StepDone done, Context& self) override {
    core_.step_done(std::move(done.report));
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

  void on_submit(Submit submit, Context& self) {
    const RequestId id = submit.request->header.id;
    if (const auto known = clients_.find(id); known != clients_.end()) {
      if (submit.attempt <= known->second.attempt) {
        return submit.session.send(
            FromService{Error{Errc::internal, "the request's id is in use", {}, {}}, submit.attempt});
      }
      forget(id);  // whoever sent it has given it up
    }
    self.watch(submit.session.address());
    by_actor_[submit.session.address().id()] = id;
    const Client& client = clients_[id] = Client{submit.session, submit.attempt};
    if (!core_.arrive(submit.request)) return;
    // The core owns the request: a job that waits keeps nothing of one that was cancelled.
    auto queued =
        setup_.worker->submit([engine = setup_.engine, owned = std::weak_ptr(submit.request), attempt = submit.attempt,
                               gone = client.gone, me = self.ref<PreparationDone>(), now = time_of(*submit.request)] {
          const auto request = owned.lock();
          if (!request || *gone) return;
          Expected<Prepared> prompt = fail(Errc::internal, "the prompt could not be prepared");
          try {
            prompt = prepare(engine->loaded, *request, now);
          } catch (const std::exception& e) {
            prompt.error().message += std::string{": "} + e.what();
          }
          me.send(PreparationDone{request->header.id, attempt, std::move(prompt)});
        });
    if (!queued) core_.prepared(id, tl::make_unexpected(std::move(queued.error())));
  }

  std::int64_t time_of(const messages::Generate& request) const {
    return request.now_unix_seconds != 0 ? request.now_unix_seconds : setup_.effects->clock().unix_seconds();
  }

  void forget(RequestId id) {
    core_.cancel(id);
    const auto it = clients_.find(id);
    if (it == clients_.end()) return;
    *it->second.gone = true;
    by_actor_.erase(it->second.session.address().id());
    clients_.erase(it);
  }

  // Sends what the core has to say and starts the next step.
  void pump(Context& self) {
    auto plan = core_.next_step();
    for (auto& [id, event] : core_.take_events()) {
      const auto it = clients_.find(id);
      if (it == clients_.end()) continue;
      const bool last = messages::is_last(event);
      it->second.session.send(FromService{std::move(event), it->second.attempt});
      if (last) forget(id);
    }
    metrics_.update(core_);
    if (setup_.load != nullptr) setup_.load->set(load());
    if (!plan) return;
    const bool decoding = !plan->work.empty() && plan->work.front().prompt_rows == 0;
    setup_.lane->submit(decoding ? LanePriority::decode : LanePriority::prefill,
                        [engine = setup_.engine, plan = std::make_shared<StepPlan>(std::move(*plan)),
                         me = self.ref<StepDone>()](kernels::Exec& ex) {
                          ex.numerics = engine->numerics;
                          me.send(StepDone{engine->runner->run(*plan, ex)});
                        });
  }

  messages::Load load() const {
    messages::Load load;
    load.queue = static_cast<std::uint32_t>(core_.queue_depth());
    load.running = static_cast<std::uint32_t>(core_.running());
    load.sequences = setup_.engine->limits.sequences;
    load.pages_used = core_.pages().used();
    load.pages = core_.pages().total();
    load.tokens = metrics_.generated;
    return load;
  }

  TextSetup setup_;
  TextCore core_;
  TextMetrics metrics_;
  std::unordered_map<RequestId, Client> clients_;
  std::unordered_map<ActorId, RequestId> by_actor_;
};

}  // namespace

std::unique_ptr<Behaviour> make_text_service(TextSetup setup) {
  return std::make_unique<TextService>(std::move(setup));
}

}  // namespace zenith::services
