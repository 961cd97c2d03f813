#include "zenith/services/sensor/sensor_service.hpp"

#include <unordered_map>

#include "zenith/services/stopwatch.hpp"

namespace zenith::services {
namespace {

using namespace actors;

class SensorService final : public Actor<ServiceMessage, FramesRead, SourceHealth> {
 public:
  SensorService(std::shared_ptr<SensorSource> source, SensorLimits limits, HostedSetup setup)
      : source_(std::move(source)), setup_(std::move(setup)), limits_(limits), core_(source_->channel(), limits) {}

  void on_start(Context& self) override {
    source_->deliver_to([to = self.ref<FramesRead>()](FramesRead frames) { to.send(std::move(frames)); },
                        [to = self.ref<SourceHealth>()](SourceHealth health) { to.send(std::move(health)); });
    source_->set_running(true);
  }

  void on(ServiceMessage message, Context& self) override {
    std::visit([&](auto& m) { handle(m, self); }, message);
    pump();
  }

  void on(FramesRead read, Context&) override {
    core_.add(std::move(read.block));
    pump();
  }

  void on(SourceHealth health, Context&) override {
    if (!setup_.report) return;
    well_ = health;
    tell();
  }

  void on_down(const Down& down, Context&) override {
    if (const auto it = by_actor_.find(down.who); it != by_actor_.end()) forget(it->second);
    show_load();
  }

 private:
  struct Client {
    Ref<SessionMessage> session;
    std::uint32_t attempt = 1;
  };

  void handle(WatchWork& work, Context& self) {
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
    core_.watch(*work.request);
  }
  void handle(WindowCall& call, Context& self) {
    Stopwatch watch{setup_.effects->clock()};
    auto window = core_.window(call.request, self.now());
    if (window) {
      window->spent = watch.end();
      call.answer.keep(std::move(*window));
    } else {
      call.answer.break_with(std::move(window.error()));
    }
  }
  void handle(SetSensorCall& call, Context&) {
    source_->set_running(call.request.run);
    running_ = call.request.run;
    tell();
    call.answer.keep(messages::Text{call.request.run ? "ready" : "stopped"});
  }
  void handle(const CancelWork& cancel, Context&) { forget(cancel.id); }
  void handle(const GrantWork& grant, Context&) { core_.grant(grant.id, grant.events); }
  void handle(const Ping& ping, Context&) { ping.answer.keep(Pong{}); }
  template <class Work>
    requires requires(Work& work) { work.session; }
  void handle(Work& work, Context&) {
    work.session.send(FromService{only_senses(), work.attempt});
  }
  template <class Request, class Answer>
  void handle(Call<Request, Answer>& call, Context&) {
    call.answer.break_with(only_senses());
  }

  static Error only_senses() { return {Errc::invalid_argument, "this is a sensor and no model", "model", {}}; }

  void tell() {
    if (!setup_.report) return;
    const bool run = running_;
    // A sensor that is stopped is as it should be, whatever its plugin says.
    setup_.report(run && !well_.well ? messages::Health::failed : messages::Health::ready,
                  !run ? "stopped" : well_.text, [run](messages::ModelEntry& entry) { entry.sensor->running = run; });
  }

  void forget(RequestId id) {
    core_.cancel(id);
    const auto it = clients_.find(id);
    if (it == clients_.end()) return;
    by_actor_.erase(it->second.session.address().id());
    clients_.erase(it);
  }

  void pump() {
    for (auto& [id, event] : core_.take_events()) {
      const auto it = clients_.find(id);
      if (it == clients_.end()) continue;
      const bool last = messages::is_last(event);
      it->second.session.send(FromService{std::move(event), it->second.attempt});
      if (last) forget(id);
    }
    show_load();
  }

  void show_load() {
    if (setup_.load == nullptr || shown_ == core_.subscribers()) return;
    shown_ = core_.subscribers();
    messages::Load load;
    load.running = static_cast<std::uint32_t>(core_.subscribers());
    load.sequences = static_cast<std::uint32_t>(limits_.subscribers);
    setup_.load->set(load);
  }

  std::shared_ptr<SensorSource> source_;
  HostedSetup setup_;
  SensorLimits limits_;
  SensorCore core_;
  SourceHealth well_;
  bool running_ = true;
  std::size_t shown_ = 0;
  std::unordered_map<RequestId, Client> clients_;
  std::unordered_map<ActorId, RequestId> by_actor_;
};

}  // namespace

std::unique_ptr<Behaviour> make_sensor_service(std::shared_ptr<SensorSource> source, SensorLimits limits,
                                               HostedSetup setup) {
  return std::make_unique<SensorService>(std::move(source), limits, std::move(setup));
}

HostedService hosted_sensor(std::shared_ptr<SensorSource> source, SensorLimits limits) {
  HostedService out;
  out.entry.kind = messages::ModelKind::sensor;
  out.entry.generation = source->channel().generation;
  out.entry.sensor = source->channel().entry;
  out.make = [source = std::move(source), limits](const HostedSetup& setup) {
    return make_sensor_service(source, limits, setup);
  };
  return out;
}

}  // namespace zenith::services
