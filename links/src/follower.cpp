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
constexpr std::size_t kProcesses = 128;  // a socket and an actor each

class Follower final : public Actor<ViewChanged, RemoteState> {
 public:
  explicit Follower(FollowerSetup setup) : setup_(std::move(setup)) {}
  ~Follower() override {
    for (auto& [endpoint, process] : processes_) setup_.system->kill(process.at.address());
  }

  void on(ViewChanged change, Context& self) override {
    if (!change.reachable) return;
    view_ = std::move(change.view);
    follow(self);
  }

  void on(RemoteState state, Context& self) override {
    const auto it = std::find_if(processes_.begin(), processes_.end(),
                                 [&](const auto& entry) { return entry.second.key == state.key; });
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
    follow_left_out(self);
  }

  void on_down(const Down& down, Context& self) override {
    for (auto& [endpoint, process] : processes_) {
      if (process.at.address().id() != down.who) continue;
      process.up = false;
      process.failed = true;
      if (down.failed) process.detail = down.reason;  // else it has said why itself
      process.again = self.now() + process.pause;
      process.pause = std::min(process.pause * 2, kLongestPause);
      for (const Member& member : process.members) report(process, member);
    }
    drop_unlisted();
    follow_left_out(self);
    plan_wake(self);
  }

  void on_wake(Context& self) override {
    for (auto& [endpoint, process] : processes_) {
      if (process.again && self.now() >= *process.again) start(endpoint, process, self);
    }
    plan_wake(self);
  }

 private:
  struct Process {
    std::string key;  // of the actor that stands for it now
    std::string server_key;
    Ref<ServiceMessage> at;
    std::uint64_t epoch = 0;  // of whoever answers there
    bool up = false, suspect = false, failed = false, listed = true;
    std::string detail;
    std::vector<Member> members;
    std::optional<Instant> again;
    Duration pause = kFirstPause;
  };
  using Listed = std::map<std::string, std::vector<Member>>;  // by endpoint

  void follow(Context& self) {
    Listed listed;
    std::set<std::string> ids;
    for (const Member& member : view_->members) {
      if (member.epoch == setup_.own_epoch || member.endpoint.empty()) continue;
      listed[member.endpoint].push_back(member);
      ids.insert(member.status.id);
    }
    // What moves from one process to another leaves the one before it comes to the other.
    for (auto& [endpoint, process] : processes_) leave(process, endpoint, listed, ids);
    drop_unlisted();
    dial_new(listed);
    for (auto& [endpoint, process] : processes_) {
      if (process.listed) come(endpoint, process, listed.at(endpoint), self);
    }
  }

  void leave(Process& process, const std::string& endpoint, const Listed& listed, const std::set<std::string>& ids) {
    const auto now = listed.find(endpoint);
    process.listed = now != listed.end();
    std::erase_if(process.members, [&](const Member& old) {
      const auto same = [&](const Member& m) { return m.status.id == old.status.id; };
      // Unlisted but alive: the directory is new or has lost it; it stays until its link ends.
      const bool stays = process.listed ? std::any_of(now->second.begin(), now->second.end(), same)
                                        : process.up && !ids.contains(old.status.id);
      if (!stays) setup_.directory->send(Forget{old.status.id});
      return !stays;
    });
  }

  void dial_new(const Listed& listed) {
    std::size_t left_out = 0;
    for (const auto& [endpoint, members] : listed) {
      if (processes_.contains(endpoint)) continue;
      if (processes_.size() < kProcesses) {
        processes_.try_emplace(endpoint);
      } else if (++left_out == 1 && left_out_ == 0) {
        log(LogLevel::warn, "follower", "the directory lists more processes than are dialled: some are left out",
            {{"limit", kProcesses}, {"first", endpoint}});
      }
    }
    left_out_ = left_out;
  }

  void follow_left_out(Context& self) {
    if (left_out_ > 0 && processes_.size() < kProcesses) follow(self);
  }

  void come(const std::string& endpoint, Process& process, const std::vector<Member>& members, Context& self) {
    // The key of whoever speaks for itself.
    const auto speaks = std::find_if(members.begin(), members.end(), [](const Member& m) { return m.contact; });
    const std::string& server_key = (speaks == members.end() ? members.front() : *speaks).server_key;
    const bool other_key = std::exchange(process.server_key, server_key) != server_key;
    if (process.key.empty() || (other_key && !process.up)) start(endpoint, process, self);
    for (const Member& member : members) {
      const auto same = [&](const Member& m) { return m.status.id == member.status.id; };
      if (std::none_of(process.members.begin(), process.members.end(), same)) {
        setup_.directory->send(Announce{member.status, member.model});
      }
      report(process, member);
    }
    process.members = members;
  }

  void start(const std::string& endpoint, Process& process, Context& self) {
    setup_.system->kill(process.at.address());
    process.again.reset();
    process.key = std::to_string(++started_);
    RemoteSetup remote;
    remote.key = process.key;
    remote.endpoint = endpoint;
    remote.server_key = process.server_key;
    remote.hub = setup_.hub;
    remote.starter = self.ref<RemoteState>();
    remote.leaving = setup_.leaving;
    process.at = setup_.system->spawn_as<ServiceMessage>("remote " + endpoint, make_remote_process(remote));
    if (process.at) self.watch(process.at.address());
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
      if (process.listed || (process.up && !process.members.empty())) return false;
      for (const Member& member : process.members) setup_.directory->send(Forget{member.status.id});
      setup_.system->kill(process.at.address());
      return true;
    });
  }

  void plan_wake(Context& self) const {
    std::optional<Instant> next;
    for (const auto& [endpoint, process] : processes_) {
      if (process.again) next = next ? std::min(*next, *process.again) : *process.again;
    }
    if (next) self.wake_at(*next);
  }

  FollowerSetup setup_;
  std::shared_ptr<const messages::View> view_ = std::make_shared<const messages::View>();
  std::map<std::string, Process> processes_;  // by endpoint
  std::size_t left_out_ = 0;                  // processes of the view
  std::uint64_t started_ = 0;
};

}  // namespace

std::unique_ptr<Behaviour> make_follower(FollowerSetup setup) { return std::make_unique<Follower>(std::move(setup)); }

}  // namespace zenith::links
