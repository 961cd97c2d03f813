// Processes that talk over a network that a seed makes bad: virtual time, no sockets, the real protocol (HubCore), the
// real bytes (frames), the real actors on a deterministic system.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "zenith/actors/system.hpp"
#include "zenith/core/clock.hpp"
#include "zenith/links/hub_core.hpp"

namespace zenith::links::sim {

/// Chances in a thousand, of each message.
struct Weather {
  int drop = 0, repeat = 0, swap = 0, corrupt = 0;
  Duration delay_least = std::chrono::microseconds(30), delay_most = std::chrono::microseconds(300);
};

class SimHub;

/// Virtual time and what is on the way. One thread.
class SimNet {
 public:
  SimNet(std::uint64_t seed, Weather weather) : random_(seed), weather_(weather) {}

  FakeClock& clock() { return clock_; }
  std::mt19937_64& random() { return random_; }
  void set_weather(Weather weather) { weather_ = weather; }
  void attach(actors::System& system) { system_ = &system; }

  void at(Duration from_now, std::function<void()> what) {
    queue_.emplace(std::pair{clock_.now() + from_now, ++order_}, std::move(what));
  }
  /// Runs everything up to `limit` from now, or until `done`.
  void run(Duration limit, const std::function<bool()>& done);

  /// No message and no connection passes between these two for a while.
  void cut(const std::string& a, const std::string& b, Duration time);
  bool is_cut(const std::string& a, const std::string& b) const;

  std::uint64_t trace() const noexcept { return trace_; }  ///< a hash of all that happened
  void note(std::string_view what, std::uint64_t value);

 private:
  friend class SimHub;
  Duration some_delay();
  void carry(SimHub& from, HubCore::Send send);

  FakeClock clock_;
  std::mt19937_64 random_;
  Weather weather_;
  actors::System* system_ = nullptr;
  std::map<std::pair<Instant, std::uint64_t>, std::function<void()>> queue_;
  std::uint64_t order_ = 0, trace_ = 0xcbf29ce484222325ull;
  std::map<std::string, std::pair<SimHub*, HubCore::Conn>> listening_;  // by endpoint
  std::vector<SimHub*> hubs_;                                           // in order of their start
  std::map<std::pair<std::string, std::string>, Instant> cuts_;
};

/// The hub of one simulated process. Outlives the process's actors, as the real one does.
class SimHub final : public Hub {
 public:
  SimHub(SimNet& net, std::string process, std::uint64_t epoch, std::string numerics = "sim");
  ~SimHub() override;

  Expected<ListenerId> listen(const std::string& endpoint, actors::Ref<LinkMessage> owner) override;
  std::string bound(ListenerId listener) const override { return bound_.at(listener); }
  Expected<DialId> dial(const std::string& endpoint, const std::string&, actors::Ref<LinkMessage> owner) override;
  void hang_up(DialId dial) override;
  void close(ListenerId listener) override;
  Status send(LinkId link, wire::Message message, Lane lane) override;
  void reset(LinkId link, Error why) override;

  void die();                ///< SIGKILL: nothing leaves any more, the others see their connections end
  void hang(Duration time);  ///< SIGSTOP: what comes in waits, nothing goes out
  HubCore& core() { return core_; }
  const std::string& process() const { return process_; }

 private:
  friend class SimNet;
  void pump();
  void unsent(const HubCore::Send& send);
  void connect(HubCore::Conn conn);
  void arrive(HubCore::Conn conn, const HubCore::Route& route, const std::vector<Buffer>& frames);
  void disconnect(HubCore::Conn conn);

  SimNet& net_;
  std::string process_;
  std::uint64_t epoch_;
  HubCore core_;
  std::map<HubCore::Conn, std::string> dialled_;  // endpoints
  std::map<HubCore::Conn, DialId> dials_;
  std::map<HubCore::Conn, ListenerId> listeners_;
  std::map<ListenerId, std::string> bound_;
  std::map<HubCore::Route, std::pair<SimHub*, HubCore::Conn>> routes_;  // of a listener's peers
  std::set<HubCore::Conn> connected_;
  HubCore::Conn last_conn_ = 0;
  std::optional<Instant> stopped_until_;
  std::optional<Instant> wake_planned_;
  std::map<std::pair<HubCore::Conn, HubCore::Route>, Instant> last_arrival_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace zenith::links::sim
