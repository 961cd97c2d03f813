// The supervisor: starts children, restarts those that fail with growing pauses, gives up on those that keep failing.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "zenith/actors/actor.hpp"
#include "zenith/actors/protocol.hpp"

namespace zenith::actors {

struct RestartPolicy {
  Duration first_pause = std::chrono::milliseconds(50);
  Duration longest_pause = std::chrono::seconds(5);  ///< pauses double up to this
  std::size_t limit = 6;                             ///< that many failures …
  Duration window = std::chrono::seconds(60);        ///< … within this time, and it stays down
};

/// The decision about one child. Plain.
class RestartState {
 public:
  explicit RestartState(RestartPolicy policy) : policy_(policy) {}
  /// @returns when to start it again; nothing = quarantined for good.
  std::optional<Instant> on_failure(Instant now);
  std::size_t failures() const noexcept { return failures_.size(); }  ///< in the window

 private:
  RestartPolicy policy_;
  std::deque<Instant> failures_;
};

/// The callbacks run inside the supervisor: they must return at once.
struct ChildSpec {
  std::string name;
  std::function<Address()> start;
  std::function<void(const Address& child)> started;
  /// @param again when it will be tried again; nothing = quarantined.
  std::function<void(const std::string& reason, std::optional<Duration> again)> failed;
  std::function<void(bool stuck)> stuck;                          ///< it does not answer pings; then it does again
  std::function<void(const Address& child, Promise<Pong>)> ping;  ///< empty = not pinged
};

struct Supervise {
  ChildSpec child;
  Address running;  ///< it has been started already; empty: start it
};
struct ChildPong {
  std::string child;
  std::uint64_t number = 0;
  bool answered = false;
};
using SupervisorMessage = std::variant<Supervise, ChildPong>;

struct SupervisorOptions {
  RestartPolicy restart;
  Duration ping_every = std::chrono::seconds(4);   ///< rare: an idle process should sleep (docs/adr/0005)
  Duration stuck_after = std::chrono::seconds(5);  ///< an unanswered ping this old: the watchdog names the actor
};

std::unique_ptr<Behaviour> make_supervisor(SupervisorOptions options);

}  // namespace zenith::actors
