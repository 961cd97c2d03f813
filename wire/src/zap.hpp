// ZAP (RFC 27): libzmq asks here about every client of a CURVE listener.
#pragma once

#include <set>
#include <span>
#include <string>
#include <string_view>

#include "zenith/core/error.hpp"
#include "zenith/wire/curve.hpp"
#include "zmq_handle.hpp"

namespace zenith::wire {

/// Must exist before the first listener: without it libzmq would let any client in.
class ZapHandler {
 public:
  static Expected<ZapHandler> open(void* context, std::filesystem::path allow);
  int fd() const noexcept { return fd_; }
  /// Answers all questions that wait. @returns how many clients were refused.
  std::size_t answer();

 private:
  ZapHandler(SocketHandle socket, std::filesystem::path allow)
      : socket_(std::move(socket)), allow_(std::move(allow)), fd_(get_int(socket_.get(), ZMQ_FD)) {}
  /// In the log, once for each key.
  void tell(std::span<const std::byte> key, std::string_view address);

  SocketHandle socket_;
  AllowList allow_;
  std::set<std::string> told_;
  int fd_;
};

}  // namespace zenith::wire
