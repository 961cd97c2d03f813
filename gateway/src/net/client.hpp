// What the server and its connections know of each other.
#pragma once

#include <memory>

#include "gateway.hpp"
#include "net/stream.hpp"

namespace zenith::gateway {

/// An open connection, HTTP or WebSocket. The loop's thread only.
class Client {
 public:
  virtual ~Client() = default;
  virtual void start() = 0;
  /// Close as soon as what was said is said.
  virtual void wind_down() = 0;
  virtual void kill() = 0;
};

class Hub {
 public:
  virtual ~Hub() = default;
  virtual Gateway& gateway() noexcept = 0;
  virtual void add(std::shared_ptr<Client> client) = 0;
  virtual void remove(const Client* client) = 0;
};

/// Takes over a connection whose client asked for an upgrade; `handshake` was let in by Gateway::open and its route's
/// SocketKind.
std::shared_ptr<Client> make_websocket(Hub& hub, Stream stream, std::shared_ptr<Call> handshake);
std::shared_ptr<Client> make_http_connection(Hub& hub, Stream stream);

}  // namespace zenith::gateway
