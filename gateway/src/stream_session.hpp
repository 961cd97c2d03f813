// What is said on a /v1/stream WebSocket: chat requests one after another, their chunks back, {"type":"cancel"} in
// between.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "call.hpp"

namespace zenith::gateway {

/// The loop's thread only.
class StreamSession {
 public:
  using MakeOutlet = std::function<std::shared_ptr<Outlet>()>;
  StreamSession(Gateway& gateway, HttpRequest handshake, MakeOutlet make_outlet)
      : gateway_(gateway), handshake_(std::move(handshake)), make_outlet_(std::move(make_outlet)) {}

  /// A text message of the client. What is wrong with it is answered by an error message; the session goes on.
  void on_message(std::string text);
  /// The client is gone: what runs for it is cancelled.
  void on_closed();

 private:
  bool running() const noexcept { return call_ && call_->cancel_by_client; }

  Gateway& gateway_;
  HttpRequest handshake_;  ///< its key and its headers stand for every request of the session
  MakeOutlet make_outlet_;
  std::shared_ptr<Call> call_;
  std::shared_ptr<Outlet> outlet_;
};

/// What ends each answer. @param reason complete, cancelled or error.
std::string stream_done(std::string_view reason);

}  // namespace zenith::gateway
