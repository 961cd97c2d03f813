// One socket of the process with its monitor: made in any thread, then owned by the thread that runs Sockets.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "zenith/wire/run_dir.hpp"
#include "zenith/wire/sockets.hpp"
#include "zmq_handle.hpp"

namespace zenith::wire {

struct MonitorEvent {
  std::uint16_t event = 0;
  std::int32_t value = 0;
};

struct SocketEntry {
  Conn conn = 0;
  bool listener = false, tcp = false;
  std::string endpoint;  ///< as asked for, or as bound
  Claim claim;           ///< of an ipc listener's path
  SocketHandle socket, monitor;
  int fd = -1, monitor_fd = -1;

  // The running thread's.
  bool fresh = false;  ///< its monitor was not read yet: a pipe signals only to who has found it empty
  bool dirty = false, connected = false;
  bool bursts = false;  // messages come many at a time
  std::string last_failure;
  std::unordered_map<std::string, Unsent> unsent;           ///< by route, "" of a dialler's peer
  std::unordered_map<std::string, int> descriptors;         ///< of the peers at a listener, by route
  std::unordered_map<int, std::deque<std::string>> routes;  ///< oldest first: a descriptor may be used again
  std::optional<Instant> paused_until;                      ///< dialling
  Instant quiet_until{};                                    ///< no descriptors were left: said a while ago

  std::optional<MonitorEvent> next_event();
  /// Null for a peer that is not known (any more).
  Unsent unsent_to(const std::string& route);
  /// Remembers which connection `route` came over. @param frame any frame of it
  void learn_route(const std::string& route, zmq_msg_t& frame);
  /// The route whose connection `descriptor` was; forgets it.
  std::optional<std::string> forget_route(int descriptor);
};

/// @param key of the server, or empty. All options are set here.
Expected<std::unique_ptr<SocketEntry>> make_entry(void* context, const SocketOptions& options, Conn conn, bool listener,
                                                  const std::string& endpoint, const std::string& key);

/// What a handshake's end means, for people. Nothing: no reason to tell.
std::optional<Error> handshake_error(const SocketEntry& entry, const MonitorEvent& event);

}  // namespace zenith::wire
