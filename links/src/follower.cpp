#include "zenith/links/follower.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "zenith/core/log.hpp"

namespace zenith::links {
namespace {

using namespace actors;
using messages::Health;
using messages::Member;

constexpr Duration kFirstPause = std::chrono::milliseconds(20), kLongestPause = std::chrono::seconds(1);

class Follower final : public Actor<ViewChanged, RemoteState> {
 public:
  explicit Follower(FollowerSetup setup) : setup_(std::move(setup)) {}
  ~Follower() override {
    for (auto& [key, process] : processes_) setup_.system->kill(process.at.address());
  }

  void on(ViewChanged change, Context& self) override {
    if (!change.reachable) return;
    std::set<std::string> listed;
    for (const Member& member : change.view->members) {
      if (member.epoch == setup_.own_epoch || member.endpoint.empty()) continue;
      const std::string key = member.endpoint;
      listed.insert(key);
      Process& process = processes_[key];
      if (process.key.empty()) {
        process.key = key;
        process.server_key = member.server_key;
        start(process, self);
      }
    }
    for (auto& [key, process] : processes_) {
      const bool stays = listed.contains(key);
      // Unlisted but alive: the directory is new or has lost it; it is dropped when its link ends.
      if (!stays && process.up) continue;
      process.listed = stays;
      std::vector<Member> members;
      for (const Member& member : change.view->members) {
        if (member.endpoint == key && member.epoch != setup_.own_epoch) members.push_back(member);
      }
      update(process, std::move(members));
    }
    drop_unlisted();
  }

  void on(RemoteState state, Context&) override {
    const auto it = processes_.find(state.key);
    if (it == processes_.end()) return;
    Process& process = it->second;
    process.up = state.is != RemoteState::Is::unreachable;
    process.suspect = state.is == RemoteState::Is::suspect;
    process.failed = state.is == RemoteState::Is::unreachable;
    process.detail = state.detail;
    process.epoch = state.peer.epoch;
    if (process.up) process.pause = kFirstPause;
    for (const Member& member : process.members) report(process, member);
    drop_unlisted();
  }

  void on_down(const Down& down, Context& self) override {
    for (auto& [key, process] : processes_) {
      if (process.at.address().id() != down.who) continue;
      process.up = false;
      process.failed = true;
      process.detail = down.reason;
      process.again = self.now() + process.pause;
      process.pause = std::min(process.pause * 2, kLongestPause);
      for (const Member& member : process.members) report(process, member);
    }
    drop_unlisted();
    plan_wake(self);
  }

  void on_wake(Context& self) override {
    for (auto& [key, process] : processes_) {
      if (process.again && self.now() >= *process.again) start(process, self);
    }
    plan_wake(self);
  }

 private:
  struct Process {
    std::string key, server_key;
    Ref<ServiceMessage> at;
    std::uint64_t epoch = 0;  // of whoever answers there
    bool up = false, suspect = false, failed = false, listed = true;
    std::string detail;
    std::vector<Member> members;
    std::optional<Instant> again;
    Duration pause = kFirstPause;
  };

  void start(Process& process, Context& self) {
    process.again.reset();
    RemoteSetup remote;
    remote.key = remote.endpoint = process.key;
    remote.server_key = process.server_key;
    remote.hub = setup_.hub;
    remote.starter = self.ref<RemoteState>();
    process.at = setup_.system->spawn_as<ServiceMessage>("remote " + process.key, make_remote_process(remote));
    if (process.at) self.watch(process.at.address());
  }

  void update(Process& process, std::vector<Member> members) {
    for (const Member& old : process.members) {
      const auto same = [&](const Member& m) { return m.status.id == old.status.id; };
      if (std::none_of(members.begin(), members.end(), same)) setup_.directory->send(Forget{old.status.id});
    }
    for (const Member& member : members) {
      const auto same = [&](const Member& m) { return m.status.id == member.status.id; };
      if (std::none_of(process.members.begin(), process.members.end(), same)) {
        setup_.directory->send(Announce{member.status, member.model});
      }
      report(process, member);
    }
    process.members = std::move(members);
  }

  void report(const Process& process, const Member& member) const {
    Report line{member.status.id, member.status.health, member.status.detail,
                member.model,     process.at,           process.suspect};
    if (process.up && process.epoch != member.epoch) {
      line.health = Health::loading;
      line.detail = "a new process answers there; it has not announced itself yet";
    } else if (process.up) {
      if (!member.contact && member.model) {
        line.health = Health::ready;
        line.detail = "the directory has lost it; its link here is up";
      } else if (line.detail.empty()) {
        line.detail = process.detail;
      }
    } else if (process.failed) {
      line.health = Health::failed;
      line.detail = process.detail;
    } else if (line.health == Health::ready) {
      line.health = Health::loading;
      line.detail = "being connected";
    }
    setup_.directory->send(std::move(line));
  }

  void drop_unlisted() {
    std::erase_if(processes_, [this](const auto& entry) {
      const Process& process = entry.second;
      if (process.listed || process.up) return false;
      for (const Member& member : process.members) setup_.directory->send(Forget{member.status.id});
      setup_.system->kill(process.at.address());
      return true;
    });
  }

  void plan_wake(Context& self) const {
    std::optional<Instant> next;
    for (const auto& [key, process] : processes_) {
      if (process.again) next = next ? std::min(*next, *process.again) : *process.again;
    }
    if (next) self.wake_at(*next);
  }

  FollowerSetup setup_;
  std::map<std::string, Process> processes_;  // by endpoint
};

}  // namespace

std::unique_ptr<Behaviour> make_follower(FollowerSetup setup) { return std::make_unique<Follower>(std::move(setup)); }

}  // namespace zenith::links
