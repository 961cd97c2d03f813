// One request's way out to its client. The connection implements it; endpoints write to it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "http/message.hpp"

namespace zenith::gateway {

/// The loop's thread only. Either one reply(), or start_stream(), send()…, finish(). After the client has gone every
/// call is a no-op.
class Outlet {
 public:
  virtual ~Outlet() = default;
  virtual void reply(HttpReply reply) = 0;
  /// @param keep_alive sent after each silence of the configured length; empty = none.
  virtual void start_stream(int status, HeaderList headers, std::string content_type, std::string keep_alive) = 0;
  /// @param events how many of the service's events this carries: on_written reports them once the socket took them.
  virtual void send(std::string bytes, std::uint32_t events) = 0;
  virtual void finish() = 0;
  /// Ends a stream so that the client sees that it is not whole.
  virtual void abort() = 0;
  /// Bytes that wait for the client.
  virtual std::size_t buffered() const = 0;

  std::function<void()> on_gone;  ///< the client went away before the end; at most once
  std::function<void(std::uint32_t)> on_written;
};

}  // namespace zenith::gateway
