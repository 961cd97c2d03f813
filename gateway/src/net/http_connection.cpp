#include "net/http_connection.hpp"

#include <boost/asio/write.hpp>

#include "socket_session.hpp"
#include "zenith/core/log.hpp"

namespace zenith::gateway {
namespace {

using boost::system::error_code;
using namespace std::chrono_literals;

constexpr std::size_t kPipelined = 64u << 10;  ///< bytes of later requests that are taken while one runs
constexpr std::uint64_t kLingerBytes =
    8u << 20;  ///< of a refused body that are read and dropped, so that the refusal arrives
constexpr auto kLingerTime = 2s;
constexpr double kSlowestBody = 64.0 * 1024;  ///< bytes a second that extend a body's time limit

}  // namespace

/// The way out of one request; knows nothing of the next one on the same connection.
class HttpOutlet final : public Outlet {
 public:
  explicit HttpOutlet(HttpConnection& connection) : connection_(connection.weak_from_this()) {}
  void reply(HttpReply reply) override {
    if (const auto c = mine()) c->reply(std::move(reply));
  }
  void start_stream(int status, HeaderList headers, std::string type, std::string keep_alive) override {
    if (const auto c = mine()) c->start_stream(status, headers, type, std::move(keep_alive));
  }
  void send(std::string bytes, std::uint32_t events) override {
    if (const auto c = mine()) c->send(bytes, events);
  }
  void finish() override {
    if (const auto c = mine()) c->finish();
  }
  void abort() override {
    if (const auto c = mine()) c->abort();
  }
  std::size_t buffered() const override {
    const auto c = mine();
    return c ? c->out_.size() + c->writing_.size() : 0;
  }

 private:
  std::shared_ptr<HttpConnection> mine() const {
    auto c = connection_.lock();
    return c && c->outlet_.get() == this ? c : nullptr;
  }
  std::weak_ptr<HttpConnection> connection_;
};

HttpConnection::HttpConnection(Hub& hub, Stream stream)
    : hub_(hub),
      stream_(std::move(stream)),
      reader_({.header_bytes = hub.gateway().options.limits.header_bytes,
               .body_bytes = hub.gateway().options.limits.body_bytes}),
      timer_(stream_.get_executor()) {}

HttpConnection::~HttpConnection() = default;

void HttpConnection::start() {
  error_code ignored;
  stream_.socket().set_option(boost::asio::ip::tcp::no_delay(true), ignored);
  stream_.socket().non_blocking(true, ignored);
  if (stream_.tls() != nullptr) return shake_hands();
  begin();
}

void HttpConnection::shake_hands() {
  timer_.arm(*this, Limit::handshake, hub_.gateway().options.limits.handshake_timeout);
  stream_.tls()->handshake(Completion([self = shared_from_this()](const error_code& ec, std::size_t) {
    if (self->state_ == State::closed) return;
    if (!ec) return self->begin();
    const auto& said = self->stream_.tls()->reason();
    log(LogLevel::debug, "gateway", "TLS handshake failed", {{"reason", said.empty() ? ec.message() : said}});
    self->close();
  }));
}

void HttpConnection::begin() {
  timer_.arm(*this, Limit::header, hub_.gateway().options.limits.header_timeout);
  read();
}

void HttpConnection::wind_down() {
  winding_down_ = true;
  if (outlet_ || !out_.empty() || write_pending_) {
    close_after_ = true;
  } else {
    close();
  }
}

void HttpConnection::kill() { client_gone(); }

void HttpConnection::read() {
  if (read_pending_ || state_ == State::closed || peer_finished_) return;
  read_pending_ = true;
  stream_.async_read_some(boost::asio::buffer(block_),
                          [self = shared_from_this()](const error_code& ec, std::size_t n) { self->on_read(ec, n); });
}

void HttpConnection::on_read(const error_code& ec, std::size_t n) {
  read_pending_ = false;
  if (state_ == State::closed) return;
  if (ec) {
    peer_finished_ = true;
    // A client that closed its half may still read an answer that is on its way, but not wait for one to be made.
    if (finished_ && write_pending_) {
      close_after_ = true;
      return;
    }
    return client_gone();
  }
  if (state_ == State::lingering) {
    lingered_ += n;
    return lingered_ > kLingerBytes ? close() : read();
  }
  in_.append(block_.data(), n);
  if (state_ == State::reading) return process();
  if (in_.size() < kPipelined) read();
}

void HttpConnection::process() {
  processing_ = true;
  while (state_ == State::reading) {
    std::size_t consumed = 0;
    const auto progress = reader_.feed(in_, consumed);
    in_.erase(0, consumed);
    const auto& limits = hub_.gateway().options.limits;
    if (call_) body_read_ += consumed;
    if (progress == RequestReader::Progress::head) {
      on_head();
    } else if (progress == RequestReader::Progress::complete) {
      call_->request.body = std::move(reader_.request().body);
      body_unread_ = false;
      state_ = State::running;
      timer_.disarm();
      const auto call = std::move(call_);
      hub_.gateway().run(call);
    } else if (progress == RequestReader::Progress::refused) {
      refuse(reader_.refusal_status(), reader_.refusal());
    } else {
      if (call_) {
        const auto earned = std::chrono::duration_cast<std::chrono::steady_clock::duration>(
            std::chrono::duration<double>(static_cast<double>(body_read_) / kSlowestBody));
        timer_.arm(*this, Limit::body, limits.body_timeout + earned - (std::chrono::steady_clock::now() - body_began_));
      } else if (reader_.inside() && body_began_ == std::chrono::steady_clock::time_point{}) {
        body_began_ =
            std::chrono::steady_clock::now();  // of the head, until it is whole: later bytes do not move the limit
        timer_.arm(*this, Limit::header, limits.header_timeout);
      }
      break;
    }
  }
  processing_ = false;
  if (state_ == State::reading || in_.size() < kPipelined) read();
}

void HttpConnection::on_head() {
  auto& gateway = hub_.gateway();
  HttpRequest& request = reader_.request();
  http_1_0_ = request.http_1_0;
  head_only_ = request.method == "HEAD";
  close_after_ = !request.keep_alive || winding_down_;
  body_unread_ = request.has_body;
  body_began_ = std::chrono::steady_clock::now();
  body_read_ = 0;
  const bool wants_continue = request.expect_continue && request.has_body;
  outlet_ = std::make_shared<HttpOutlet>(*this);
  call_ = gateway.open(std::move(request), outlet_);
  if (call_->refusal) {
    state_ = State::running;
    timer_.disarm();
    const auto call = std::move(call_);
    return gateway.run(call);
  }
  if (call_->route->socket != nullptr && call_->request.upgrade_websocket) return upgrade();
  if (wants_continue) {
    out_ += "HTTP/1.1 100 Continue\r\n\r\n";
    flush();
  }
}

void HttpConnection::upgrade() {
  const auto call = std::move(call_);
  if (body_unread_ || !in_.empty() || read_pending_) {
    close_after_ = true;
    state_ = State::running;
    return call->reply(
        status_reply(400, "invalid_request", "a WebSocket handshake has no body, and frames come after its answer"));
  }
  const SocketKind& kind = *call->route->socket;
  if (kind.refuse != nullptr) {
    if (auto refusal = kind.refuse(*call)) {
      state_ = State::running;
      return call->reply(std::move(*refusal));
    }
  }
  outlet_.reset();
  call->abandon();
  call->done(101);
  state_ = State::closed;
  timer_.cancel();
  auto client = make_websocket(hub_, std::move(stream_), call);
  hub_.remove(this);
  hub_.add(client);
  client->start();
}

// What is malformed before there is a call.
void HttpConnection::refuse(int status, const std::string& why) {
  close_after_ = true;
  body_unread_ = true;
  state_ = State::running;
  auto answer = status_reply(status, status == 413 ? "payload_too_large" : "bad_request", why);
  if (call_) {
    const auto call = std::move(call_);
    return call->reply(std::move(answer));
  }
  hub_.gateway().count("unmatched", status, Duration{0});
  answer.close = true;
  reply(std::move(answer));
}

void HttpConnection::reply(HttpReply reply) {
  if (reply.status == 499) return close();
  if (reply.close || body_unread_) close_after_ = true;
  out_ += render_head(reply.status, reply.headers, reply.content_type, reply.body.size(), http_1_0_, close_after_);
  if (!head_only_) out_ += reply.body;
  finish();
}

void HttpConnection::start_stream(int status, const HeaderList& headers, const std::string& type,
                                  std::string keep_alive) {
  state_ = State::streaming;
  keep_alive_bytes_ = std::move(keep_alive);
  if (http_1_0_) close_after_ = true;
  out_ += render_head(status, headers, type, std::nullopt, http_1_0_, close_after_);
}

void HttpConnection::send(std::string_view bytes, std::uint32_t events) {
  out_events_ += events;
  if (!bytes.empty()) {
    if (http_1_0_) {
      out_ += bytes;
    } else {
      append_chunk(out_, bytes);
    }
  }
  // Credit bounds this; a service that ignores credit costs its client, not our memory.
  if (out_.size() > 4 * hub_.gateway().options.limits.buffered_bytes_per_client) return client_gone();
  flush();
}

void HttpConnection::finish() {
  if (state_ == State::streaming && !http_1_0_) out_ += "0\r\n\r\n";
  finished_ = true;
  flush();
}

// Without the last chunk: what came is not all.
void HttpConnection::abort() {
  outlet_.reset();
  close();
}

void HttpConnection::flush() {
  if (write_pending_ || state_ == State::closed) return;
  if (out_.empty()) {
    const auto events = std::exchange(out_events_, 0);
    if (events > 0) on_written(events);
    return after_flush();
  }
  writing_.swap(out_);
  out_.clear();
  const auto events = std::exchange(out_events_, 0);
  error_code ec;
  const std::size_t n = stream_.write_some(boost::asio::buffer(writing_), ec);
  if (ec && ec != boost::asio::error::would_block && ec != boost::asio::error::try_again) return client_gone();
  if (n == writing_.size()) {
    writing_.clear();
    on_written(events);
    return after_flush();
  }
  write_pending_ = true;
  timer_.arm(*this, Limit::write, hub_.gateway().options.limits.write_timeout);
  boost::asio::async_write(stream_, boost::asio::buffer(writing_.data() + n, writing_.size() - n),
                           [self = shared_from_this(), events](const error_code& e, std::size_t) {
                             self->write_pending_ = false;
                             self->writing_.clear();
                             if (self->state_ == State::closed) return;
                             if (e) return self->client_gone();
                             self->timer_.disarm();
                             self->on_written(events);
                             if (!self->out_.empty()) return self->flush();
                             self->after_flush();
                           });
}

void HttpConnection::on_written(std::uint32_t events) {
  if (events > 0 && outlet_ && outlet_->on_written) outlet_->on_written(events);
}

void HttpConnection::after_flush() {
  if (!finished_) {
    if (state_ == State::streaming && !keep_alive_bytes_.empty())
      timer_.arm(*this, Limit::silence, hub_.gateway().options.limits.stream_keep_alive);
    return;
  }
  finished_ = false;
  outlet_.reset();
  keep_alive_bytes_.clear();
  body_began_ = {};
  if (close_after_ || peer_finished_) return linger();
  reader_.reset();
  http_1_0_ = head_only_ = false;
  state_ = State::reading;
  timer_.arm(*this, Limit::idle, hub_.gateway().options.limits.idle_timeout);
  if (!processing_) process();
}

// Closing with unread bytes makes the system reset the connection, and the client may lose the answer.
void HttpConnection::linger() {
  stream_.finish_sending();
  if (peer_finished_) return close();
  state_ = State::lingering;
  in_.clear();
  timer_.arm(*this, Limit::linger, kLingerTime);
  read();
}

void HttpConnection::on_limit(Limit limit) {
  switch (limit) {
    case Limit::handshake:
      log(LogLevel::debug, "gateway", "TLS handshake failed", {{"reason", "it did not end in time"}});
      return close();
    case Limit::header:
      if (!reader_.inside()) return close();
      return refuse(408, "the headers did not come in time");
    case Limit::body: return refuse(408, "the body did not come in time");
    case Limit::idle: return close();
    case Limit::write: return client_gone();
    case Limit::silence: send(keep_alive_bytes_, 0); return;
    case Limit::linger: return close();
  }
}

void HttpConnection::client_gone() {
  if (state_ == State::closed) return;
  const auto self = shared_from_this();
  const auto outlet = std::exchange(outlet_, nullptr);
  close();
  if (outlet && outlet->on_gone) outlet->on_gone();
  if (call_) {
    call_->abandon();
    call_->done(499);
    call_.reset();
  }
}

void HttpConnection::close() {
  if (state_ == State::closed) return;
  state_ = State::closed;
  timer_.cancel();
  stream_.close();
  hub_.remove(this);
}

std::shared_ptr<Client> make_http_connection(Hub& hub, Stream stream) {
  return std::make_shared<HttpConnection>(hub, std::move(stream));
}

}  // namespace zenith::gateway
