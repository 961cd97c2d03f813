// A client's connection, plain or TLS, decided at run time: Asio and Beast are instantiated for this one type.
#pragma once

#include <algorithm>
#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <string>
#include <vector>

#include "net/tls_stream.hpp"

namespace zenith::gateway {

using Socket = boost::asio::ip::tcp::socket;

/// An AsyncReadStream and AsyncWriteStream of Asio. At most one read and one write at a time; not moved meanwhile.
class Stream {
 public:
  using executor_type = Socket::executor_type;
  using error_code = boost::system::error_code;

  explicit Stream(Socket socket) : socket_(std::move(socket)) {}
  Stream(Socket socket, std::unique_ptr<TlsSession> session)
      : socket_(socket.get_executor()), tls_(std::make_shared<TlsStream>(std::move(socket), std::move(session))) {}
  Stream(Stream&&) = default;
  Stream& operator=(Stream&&) = delete;
  ~Stream() {
    if (tls_) tls_->close();
  }

  executor_type get_executor() { return socket_.get_executor(); }
  Socket& socket() noexcept { return tls_ ? tls_->socket() : socket_; }
  TlsStream* tls() noexcept { return tls_.get(); }  ///< null: plain

  template <class Buffers, class Handler>
  auto async_read_some(const Buffers& buffers, Handler&& handler) {
    return boost::asio::async_initiate<Handler, void(error_code, std::size_t)>(
        [this](auto done, const Buffers& to) {
          if (!tls_) return socket_.async_read_some(to, std::move(done));
          boost::asio::mutable_buffer first;
          for (auto it = boost::asio::buffer_sequence_begin(to);
               it != boost::asio::buffer_sequence_end(to) && first.size() == 0; ++it)
            first = *it;
          tls_->read(first, Completion(std::move(done)));
        },
        handler, buffers);
  }

  template <class Buffers, class Handler>
  auto async_write_some(const Buffers& buffers, Handler&& handler) {
    return boost::asio::async_initiate<Handler, void(error_code, std::size_t)>(
        [this](auto done, const Buffers& from) {
          if (!tls_) return socket_.async_write_some(from, std::move(done));
          tls_->write(one_record(from), Completion(std::move(done)));
        },
        handler, buffers);
  }

  /// What goes at once, of a non-blocking socket; `error` is would_block when nothing does.
  std::size_t write_some(boost::asio::const_buffer bytes, error_code& error) {
    return tls_ ? tls_->write_some(bytes, error) : socket_.write_some(bytes, error);
  }
  void finish_sending() {
    error_code ignored;
    if (tls_) return tls_->finish_sending();
    socket_.shutdown(Socket::shutdown_send, ignored);
  }
  void close() {
    error_code ignored;
    if (tls_) return tls_->close();
    socket_.close(ignored);
  }

 private:
  /// A header and its payload go out as one record, so as one packet.
  template <class Buffers>
  boost::asio::const_buffer one_record(const Buffers& from) {
    const auto begin = boost::asio::buffer_sequence_begin(from), end = boost::asio::buffer_sequence_end(from);
    if (begin == end || std::next(begin) == end) return begin == end ? boost::asio::const_buffer{} : *begin;
    gathered_.resize(std::min(boost::asio::buffer_size(from), TlsSession::kRecord));
    boost::asio::buffer_copy(boost::asio::buffer(gathered_), from);
    return boost::asio::buffer(gathered_);
  }

  Socket socket_;  ///< closed and empty when tls_ has the real one
  std::shared_ptr<TlsStream> tls_;
  std::string gathered_;
};

/// What Beast calls when a time limit of its own passes.
inline void beast_close_socket(Stream& stream) { stream.close(); }

}  // namespace zenith::gateway
