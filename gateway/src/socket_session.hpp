// What is said on a WebSocket, without the socket: one kind a route.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "call.hpp"
#include "zenith/core/clock.hpp"

namespace zenith::gateway {

/// The loop's thread only.
class SocketSession {
 public:
  virtual ~SocketSession() = default;
  virtual void begin() {}  ///< the handshake is done
  /// A text message of the client, whole and UTF-8.
  virtual void on_message(std::string text) = 0;
  /// @returns false: the connection closes, as this session takes text only.
  virtual bool on_binary() { return false; }
  /// True: nothing is read from the client until SocketHost::resume.
  virtual bool busy() const { return false; }
  virtual void on_alarm() {}
  virtual void on_closed() = 0;  ///< the client is gone: what runs for it is cancelled
};

/// What a connection does for its session; usable after the connection has gone.
struct SocketHost {
  std::function<std::shared_ptr<Outlet>()> make_outlet;
  std::function<void()> resume;
  std::function<void(std::optional<Instant>)> set_alarm;  ///< one; absent: none
};

/// A kind of session: a row's own.
struct SocketKind {
  std::size_t message_bytes = 0;  ///< the longest message; 0: Limits::websocket_message_bytes
  /// Before the handshake: why it is refused. Null: never.
  std::optional<HttpReply> (*refuse)(const Call& call) = nullptr;
  std::shared_ptr<SocketSession> (*open)(const Call& call, SocketHost host) = nullptr;
};

extern const SocketKind kStreamSocket, kRealtimeSocket;

}  // namespace zenith::gateway
