// The protocol of links without sockets, threads or a clock of its own: transport events in, messages and deliveries
// out. The I/O thread and the simulation run the same code.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "zenith/core/clock.hpp"
#include "zenith/links/hub.hpp"

namespace zenith::links {

struct Identity {
  std::uint64_t epoch = 0;  ///< random, never 0
  std::string id, version, numerics;
};

struct LinkTiming {
  /// A dialler pings; busy means that a request is open.
  Duration ping_busy = std::chrono::milliseconds(50), ping_idle = std::chrono::seconds(5);
  Duration suspect_after = std::chrono::milliseconds(200);  ///< of silence after a ping, when busy
  Duration lost_after = std::chrono::seconds(5);
  Duration hello_again = std::chrono::milliseconds(500);  ///< a hello without a welcome is said anew
  /// A listener's side: a client that was heard last so long ago is gone.
  /// Above lost_after: a dialler has one ping open at a time, and its patience is what decides.
  Duration silent_busy = std::chrono::seconds(6), silent_idle = std::chrono::seconds(20);
};

struct LinkLimits {
  std::uint32_t credit_kib = 64u << 10;  ///< of requests open on one link, granted by the listener
  std::uint32_t credit_requests = 1024;
  std::size_t sessions = 256;     ///< of one listener; more are refused
  std::size_t remembered = 4096;  ///< requests of a session: repeats of these are known
  /// Delivered, but not handled by the link's owner yet: a peer that sends faster than that loses its link.
  std::uint32_t unhandled = 64u << 10, unhandled_kib = 128u << 10;
};

struct HubCounters {
  std::uint64_t malformed = 0;  ///< frames that are no message, from anyone
  std::uint64_t stale = 0;      ///< messages of a session that is over, or of nobody
  std::uint64_t repeated = 0;   ///< requests and answers that had come before
  std::uint64_t refused = 0;    ///< hellos
  std::uint64_t sessions_lost = 0;
};

/// What /metrics and `zenith top` show of one link.
struct LinkStatus {
  LinkId link;
  std::string endpoint;
  Peer peer;
  bool dialled = false;
  std::size_t open_requests = 0;
  std::uint64_t sent = 0, received = 0;               ///< messages
  std::uint32_t credit_requests = 0, credit_kib = 0;  ///< left, of a dialled link
  Duration round_trip{};                              ///< of the last ping
  bool suspect = false;
};

/// Plain; one thread.
class HubCore {
 public:
  using Conn = std::uint64_t;  ///< the transport's name for a listener's or dialler's socket
  using Route = std::string;   ///< of a peer at a listener; empty at a dialler

  HubCore(Identity me, LinkTiming timing, LinkLimits limits, const Clock& clock);
  ~HubCore();

  // From the actors' side.
  ListenerId listen(Conn conn, std::string endpoint, actors::Ref<LinkMessage> owner);
  DialId dial(Conn conn, std::string endpoint, actors::Ref<LinkMessage> owner);
  void hang_up(DialId dial);  ///< a goodbye goes out first
  void close(ListenerId listener);
  /// Of a request: overloaded without credit.
  Status send(LinkId link, wire::Message message);
  void reset(LinkId link, Error why);
  void leave();  ///< goodbye to everyone

  // From the transport.
  void on_connected(Conn conn);
  void on_disconnected(Conn conn, const Error& why);
  void on_frames(Conn conn, const Route& route, Expected<wire::Message> message);
  void on_unsent(Conn conn, const Route& route, const Error& why);  ///< a message of take_sends() could not go out
  void on_wake();
  std::optional<Instant> next_wake() const;

  // For the transport, after any call above.
  struct Send {
    Conn conn = 0;
    Route route;
    wire::Message message;
  };
  std::vector<Send> take_sends();  ///< in order
  struct Delivery {
    actors::Ref<LinkMessage> to;
    LinkMessage message;
    actors::Urgency urgency = actors::Urgency::normal;
  };
  std::vector<Delivery> take_deliveries();
  bool has_deliveries() const noexcept { return !deliveries_.empty(); }

  const HubCounters& counters() const noexcept { return counters_; }
  std::vector<LinkStatus> status() const;

 private:
  struct Session;
  struct Dialler;
  struct Listener;

  Session* find(LinkId link);
  LinkId link_of(Conn conn, const Route& route) const;
  Session& open(From from, Conn conn, Route route, std::uint32_t number, Peer peer, actors::Ref<LinkMessage> owner);
  void lose(LinkId link, Error why, bool tell_peer);
  void say_hello(Dialler& dialler);
  void push(Session& session, wire::Message message);
  void emit(Conn conn, const Route& route, wire::Message message);
  void refuse(Conn conn, const Route& route, std::uint32_t session, const Error& why);
  void report_failure(Dialler& dialler, const Error& why);
  void deliver(const actors::Ref<LinkMessage>& to, LinkMessage message,
               actors::Urgency urgency = actors::Urgency::normal);
  void on_hello(Listener& listener, const Route& route, const wire::Message& message);
  void on_welcome(Dialler& dialler, const wire::Message& message);
  void on_session_message(Session& session, wire::Message message);
  std::optional<std::string> over_limits(const Session& session, const wire::Message& message) const;
  bool account_received(Session& session, const wire::Message& message);
  void ping_if_due(Session& session, Instant now);

  Identity me_;
  LinkTiming timing_;
  LinkLimits limits_;
  const Clock& clock_;
  std::map<Conn, std::unique_ptr<Dialler>> diallers_;
  std::map<Conn, std::unique_ptr<Listener>> listeners_;
  std::map<LinkId, std::unique_ptr<Session>> sessions_;
  std::vector<Send> sends_;
  std::vector<Delivery> deliveries_;
  HubCounters counters_;
  std::uint64_t last_id_ = 0;
};

}  // namespace zenith::links
