// A TCP socket that speaks TLS. Compiled once: what calls it is type-erased.
#pragma once

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <string>

#include "tls/session.hpp"

namespace zenith::gateway {

/// A move-only void(error, bytes).
class Completion {
 public:
  using Error = boost::system::error_code;
  Completion() = default;
  template <class F>
  explicit Completion(F f) : call_(std::make_unique<Held<F>>(std::move(f))) {}
  explicit operator bool() const noexcept { return call_ != nullptr; }
  void operator()(const Error& error, std::size_t bytes) {
    const auto call = std::move(call_);
    call->run(error, bytes);
  }

 private:
  struct Call {
    virtual ~Call() = default;
    virtual void run(const Error& error, std::size_t bytes) = 0;
  };
  template <class F>
  struct Held final : Call {
    explicit Held(F f) : function(std::move(f)) {}
    void run(const Error& error, std::size_t bytes) override { function(error, bytes); }
    F function;
  };
  std::unique_ptr<Call> call_;
};

/// At most one read (or the handshake) and one write at a time. Completions run on the socket's executor, never inside
/// the call that began them. The loop's thread only.
class TlsStream : public std::enable_shared_from_this<TlsStream> {
 public:
  using Error = boost::system::error_code;
  using Socket = boost::asio::ip::tcp::socket;
  TlsStream(Socket socket, std::unique_ptr<TlsSession> session);

  void handshake(Completion done);
  void read(boost::asio::mutable_buffer room, Completion done);
  /// Bytes that it completes with went out wholly. After fewer than were given, the rest must be given next.
  void write(boost::asio::const_buffer bytes, Completion done);
  /// As much as goes at once. @returns bytes; `error` is would_block when there are none. The same rule for the rest.
  std::size_t write_some(boost::asio::const_buffer bytes, Error& error);
  /// Tells the client that no more comes, once all is written. What it still sends is read and means nothing.
  void finish_sending();
  /// After finish_sending(): completes when the client has ended the connection.
  void drain(Completion done);
  void close();

  Socket& socket() noexcept { return socket_; }
  const std::string& reason() const noexcept { return session_->reason(); }  ///< of the session's failure

 private:
  void receive();
  void on_received(const Error& error, std::size_t n);
  /// What the session says to a handshake or read. @returns false when it needs more from the network.
  bool advance(Error& error, std::size_t& taken);
  bool flush_now(Error& error);
  void flush();
  void after_flush();
  Error encrypt(boost::asio::const_buffer bytes);

  Socket socket_;
  std::unique_ptr<TlsSession> session_;
  Completion reader_, writer_;
  boost::asio::mutable_buffer room_;
  bool shaking_ = false, flushing_ = false, finished_ = false, closed_ = false;
  std::string sending_;         ///< of the session's output, on its way
  std::size_t sent_ = 0;        ///< of sending_
  std::size_t in_flight_ = 0;   ///< bytes of the writer whose ciphertext is not wholly out
  std::array<char, 16384> in_;  ///< from the network
  std::array<char, 1> dropped_{};
};

}  // namespace zenith::gateway
