#include "net/tls_stream.hpp"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

namespace zenith::gateway {
namespace {

namespace asio = boost::asio;
using Result = TlsSession::Result;

constexpr std::size_t kOwed = 64u << 10;  ///< answers of the protocol itself that a client may leave unread

boost::system::error_code protocol_error() {
  return boost::system::errc::make_error_code(boost::system::errc::protocol_error);
}

bool is_would_block(const boost::system::error_code& error) {
  return error == asio::error::would_block || error == asio::error::try_again;
}

}  // namespace

TlsStream::TlsStream(Socket socket, std::unique_ptr<TlsSession> session)
    : socket_(std::move(socket)), session_(std::move(session)) {}

void TlsStream::handshake(Completion done) {
  shaking_ = true;
  read({}, std::move(done));
}

void TlsStream::read(asio::mutable_buffer room, Completion done) {
  reader_ = std::move(done);
  room_ = room;
  Error error;
  std::size_t taken = 0;
  if (!advance(error, taken)) return receive();
  asio::post(socket_.get_executor(), [self = shared_from_this(), error, taken] {
    if (self->reader_) std::exchange(self->reader_, {})(error, taken);
  });
}

bool TlsStream::advance(Error& error, std::size_t& taken) {
  if (finished_) return false;
  if (!shaking_ && room_.size() == 0) return true;
  const Result result =
      shaking_ ? session_->handshake() : session_->read({static_cast<char*>(room_.data()), room_.size()}, taken);
  if (session_->output_bytes() > kOwed) {
    error = protocol_error();
    return true;
  }
  flush();
  switch (result) {
    case Result::wants_input: return false;
    case Result::done: shaking_ = false; return true;
    case Result::ended: error = asio::error::eof; return true;
    case Result::failed: break;
  }
  error = protocol_error();
  return true;
}

void TlsStream::receive() {
  socket_.async_read_some(asio::buffer(in_), [self = shared_from_this()](const Error& error, std::size_t n) {
    self->on_received(error, n);
  });
}

void TlsStream::on_received(const Error& error, std::size_t n) {
  if (error || finished_) return std::exchange(reader_, {})(error, error ? 0 : n);
  session_->put({in_.data(), n});
  Error outcome;
  std::size_t taken = 0;
  if (!advance(outcome, taken)) return receive();
  std::exchange(reader_, {})(outcome, taken);
}

TlsStream::Error TlsStream::encrypt(asio::const_buffer bytes) {
  const auto size = std::min(bytes.size(), TlsSession::kRecord);
  if (session_->write({static_cast<const char*>(bytes.data()), size}) != Result::done) return protocol_error();
  in_flight_ = size;
  return {};
}

void TlsStream::write(asio::const_buffer bytes, Completion done) {
  Error error;
  if (finished_ || closed_) error = asio::error::shut_down;
  if (!error && in_flight_ == 0 && bytes.size() > 0) error = encrypt(bytes);
  if (error || bytes.size() == 0) {
    asio::post(socket_.get_executor(), [done = std::move(done), error]() mutable { done(error, 0); });
    return;
  }
  writer_ = std::move(done);
  if (flushing_ || sent_ < sending_.size() || session_->output_bytes() > 0) return flush();
  asio::post(socket_.get_executor(), [self = shared_from_this()] { self->after_flush(); });
}

std::size_t TlsStream::write_some(asio::const_buffer bytes, Error& error) {
  std::size_t total = 0;
  error = {};
  if (finished_ || closed_) error = asio::error::shut_down;
  while (!error && !flushing_ && flush_now(error)) {
    total += std::exchange(in_flight_, 0);
    if (total == bytes.size()) return total;
    error = encrypt(bytes + total);
  }
  if (!error && total == 0) error = asio::error::would_block;
  if (error && total > 0) error = {};  // the next write says it again
  return total;
}

/// @returns whether all that the session has said is out.
bool TlsStream::flush_now(Error& error) {
  for (;;) {
    if (sent_ == sending_.size()) {
      sending_ = session_->output();
      sent_ = 0;
      if (sending_.empty()) return true;
    }
    sent_ += socket_.write_some(asio::buffer(sending_.data() + sent_, sending_.size() - sent_), error);
    if (is_would_block(error)) {
      error = {};
      return false;
    }
    if (error) return false;
  }
}

void TlsStream::flush() {
  if (flushing_ || closed_) return;
  if (sent_ == sending_.size()) {
    sending_ = session_->output();
    sent_ = 0;
  }
  if (sending_.empty()) return after_flush();
  flushing_ = true;
  asio::async_write(socket_, asio::buffer(sending_.data() + sent_, sending_.size() - sent_),
                    [self = shared_from_this()](const Error& error, std::size_t n) {
                      self->flushing_ = false;
                      self->sent_ += n;
                      if (!error && !self->closed_) return self->flush();
                      if (self->writer_) std::exchange(self->writer_, {})(error ? error : asio::error::shut_down, 0);
                    });
}

void TlsStream::after_flush() {
  if (writer_) return std::exchange(writer_, {})({}, std::exchange(in_flight_, 0));
  Error ignored;
  if (finished_) socket_.shutdown(Socket::shutdown_send, ignored);
}

void TlsStream::finish_sending() {
  if (finished_ || closed_) return;
  session_->finish();
  finished_ = true;
  flush();
}

void TlsStream::drain(Completion done) {
  read(asio::buffer(dropped_),
       Completion([self = shared_from_this(), done = std::move(done)](const Error& error, std::size_t) mutable {
         if (error) return done(error == asio::error::eof ? Error{} : error, 0);
         self->drain(std::move(done));
       }));
}

void TlsStream::close() {
  if (closed_) return;
  Error ignored;
  if (!flushing_) {
    if (!finished_ && in_flight_ == 0) session_->finish();
    flush_now(ignored);
  }
  closed_ = true;
  socket_.shutdown(Socket::shutdown_send, ignored);
  socket_.close(ignored);
}

}  // namespace zenith::gateway
