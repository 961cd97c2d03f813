// What is said on a /v1/stream WebSocket: chat requests one after another, their chunks back, {"type":"cancel"} in
// between.
#pragma once

#include <memory>
#include <string>

#include "socket_session.hpp"

namespace zenith::gateway {

/// The loop's thread only.
class StreamSession final : public SocketSession {
 public:
  StreamSession(Gateway& gateway, HttpRequest handshake, SocketHost host)
      : gateway_(gateway), handshake_(std::move(handshake)), host_(std::move(host)) {}

  /// What is wrong with the message is answered by an error message; the session goes on.
  void on_message(std::string text) override;
  void on_closed() override;

 private:
  bool running() const noexcept { return call_ && call_->cancel_by_client; }

  Gateway& gateway_;
  HttpRequest handshake_;  ///< its key and its headers stand for every request of the session
  SocketHost host_;
  std::shared_ptr<Call> call_;
  std::shared_ptr<Outlet> outlet_;
};

/// What ends each answer. @param reason complete, cancelled or error.
std::string stream_done(std::string_view reason);

}  // namespace zenith::gateway
