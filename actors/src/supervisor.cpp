#include "zenith/actors/supervisor.hpp"

#include <algorithm>

#include "zenith/core/log.hpp"

namespace zenith::actors {

std::optional<Instant> RestartState::on_failure(Instant now) {
  while (!failures_.empty() && now - failures_.front() > policy_.window) failures_.pop_front();
  failures_.push_back(now);
  if (failures_.size() >= policy_.limit) return std::nullopt;
  Duration pause = policy_.first_pause;
  for (std::size_t i = 1; i < failures_.size() && pause < policy_.longest_pause; ++i) pause *= 2;
  return now + std::min(pause, policy_.longest_pause);
}

namespace {

class Supervisor final : public Actor<SupervisorMessage> {
 public:
  explicit Supervisor(SupervisorOptions options) : options_(options) {}

  void on(SupervisorMessage message, Context& self) override {
    if (auto* add = std::get_if<Supervise>(&message)) {
      const std::string name = add->child.name;
      auto& child = children_.insert_or_assign(name, Child{std::move(add->child), options_.restart}).first->second;
      if (add->running) {
        child.address = std::move(add->running);
        self.watch(child.address);
      } else {
        start(child, self);
      }
    }
    if (const auto* pong = std::get_if<ChildPong>(&message)) on_pong(*pong);
    arm(self);
  }

  void on_down(const Down& down, Context& self) override {
    for (auto& [name, child] : children_) {
      if (child.address.id() != down.who) continue;
      child.address = {};
      child.ping_sent.reset();
      if (!down.failed) continue;  // it ended as it wanted
      child.start_at = child.restarts.on_failure(self.now());
      const auto again = child.start_at ? std::optional{*child.start_at - self.now()} : std::nullopt;
      log(LogLevel::warn, "supervisor", again ? "restarting a failed actor" : "quarantined an actor that keeps failing",
          {{"actor", name}, {"failures", child.restarts.failures()}, {"reason", down.reason}});
      if (child.spec.failed) child.spec.failed(down.reason, again);
    }
    arm(self);
  }

  void on_wake(Context& self) override {
    for (auto& [name, child] : children_) {
      if (child.start_at && *child.start_at <= self.now()) start(child, self);
    }
    if (self.now() >= next_ping_) {
      next_ping_ = self.now() + options_.ping_every;
      for (auto& [name, child] : children_) ping(child, self);
    }
    arm(self);
  }

 private:
  struct Child {
    Child(ChildSpec s, RestartPolicy policy) : spec(std::move(s)), restarts(policy) {}
    ChildSpec spec;
    RestartState restarts;
    Address address;
    std::optional<Instant> start_at, ping_sent;
    std::uint64_t ping_number = 0;
    bool stuck = false;
  };

  static void start(Child& child, Context& self) {
    child.start_at.reset();
    child.stuck = false;
    child.address = child.spec.start();
    if (!child.address) return;  // the system is stopping
    self.watch(child.address);
    if (child.spec.started) child.spec.started(child.address);
  }

  void ping(Child& child, Context& self) {
    if (!child.address || !child.spec.ping) return;
    if (child.ping_sent) {
      if (child.stuck || self.now() - *child.ping_sent < options_.stuck_after) return;
      child.stuck = true;
      log(LogLevel::error, "supervisor", "an actor does not answer: its worker is stuck", {{"actor", child.spec.name}});
      if (child.spec.stuck) child.spec.stuck(true);
      return;
    }
    child.ping_sent = self.now();
    const auto me = self.ref<SupervisorMessage>();
    child.spec.ping(child.address, {[me, name = child.spec.name, number = ++child.ping_number](Expected<Pong> pong) {
                                      me.send(ChildPong{name, number, pong.has_value()}, Urgency::high);
                                    },
                                    Error{Errc::unavailable, "the actor ended before it answered a ping", {}, {}}});
  }

  void on_pong(const ChildPong& pong) {
    const auto it = children_.find(pong.child);
    if (it == children_.end() || it->second.ping_number != pong.number || !pong.answered) return;
    it->second.ping_sent.reset();
    if (!std::exchange(it->second.stuck, false)) return;
    log(LogLevel::warn, "supervisor", "an actor answers again", {{"actor", pong.child}});
    if (it->second.spec.stuck) it->second.spec.stuck(false);
  }

  void arm(Context& self) {
    Instant next = next_ping_ = next_ping_ == Instant{} ? self.now() + options_.ping_every : next_ping_;
    for (const auto& [name, child] : children_) {
      if (child.start_at) next = std::min(next, *child.start_at);
    }
    self.wake_at(next);
  }

  SupervisorOptions options_;
  std::map<std::string, Child> children_;
  Instant next_ping_{};
};

}  // namespace

std::unique_ptr<Behaviour> make_supervisor(SupervisorOptions options) { return std::make_unique<Supervisor>(options); }

}  // namespace zenith::actors
