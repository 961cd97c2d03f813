// A WebSocket: messages in, messages out in order, every bound of RFC 6455 kept by Beast and a few of ours.
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <deque>

#include "net/client.hpp"
#include "net/deadline_timer.hpp"
#include "stream_session.hpp"

namespace zenith::gateway {

/// How Beast ends a connection after the closing handshake: no more is sent; what still comes is read and dropped until
/// the client ends it too, or the time is over.
template <class Handler>
void async_teardown(boost::beast::role_type role, Stream& stream, Handler&& handler) {
  if (stream.tls() == nullptr)
    return boost::beast::websocket::async_teardown(role, stream.socket(), std::forward<Handler>(handler));
  stream.finish_sending();
  stream.tls()->drain(Completion([done = std::decay_t<Handler>(std::forward<Handler>(handler))](
                                     const boost::system::error_code& ec, std::size_t) mutable { done(ec); }));
}

namespace {

namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using boost::system::error_code;
using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kReadBytes = 64u << 10;
constexpr std::size_t kAnnounced =
    16;                     ///< times the limit on messages: a frame that announces more is refused by its header
constexpr int kPings = 50;  ///< within…
constexpr auto kPingWindow = std::chrono::seconds{10};

class WebSocketConnection;

/// The way out of one request of the session.
class WebSocketOutlet final : public Outlet, public std::enable_shared_from_this<WebSocketOutlet> {
 public:
  explicit WebSocketOutlet(std::weak_ptr<WebSocketConnection> connection) : connection_(std::move(connection)) {}
  void reply(HttpReply reply) override {
    send(std::move(reply.body), 0);
    send(stream_done("error"), 0);
  }
  void start_stream(int, HeaderList, std::string, std::string) override {}
  void send(std::string bytes, std::uint32_t events) override;
  void finish() override {}
  void abort() override {}
  std::size_t buffered() const override;

 private:
  std::weak_ptr<WebSocketConnection> connection_;
};

class WebSocketConnection final : public Client, public std::enable_shared_from_this<WebSocketConnection> {
 public:
  enum class Alarm : unsigned char { session };

  WebSocketConnection(Hub& hub, Stream stream, std::shared_ptr<Call> handshake)
      : hub_(hub),
        ws_(std::move(stream)),
        write_limit_(ws_.get_executor()),
        alarm_(ws_.get_executor()),
        handshake_(std::move(handshake)),
        most_(handshake_->route->socket->message_bytes != 0 ? handshake_->route->socket->message_bytes
                                                            : hub.gateway().options.limits.websocket_message_bytes) {}

  void start() override {
    const auto& limits = hub_.gateway().options.limits;
    session_ = handshake_->route->socket->open(*handshake_, host());
    ws_.set_option(websocket::stream_base::timeout{limits.header_timeout, limits.idle_timeout, true});
    ws_.read_message_max(kAnnounced * most_);
    ws_.text(true);
    if (const auto protocol = subprotocol(); !protocol.empty()) {
      ws_.set_option(websocket::stream_base::decorator(
          [protocol](websocket::response_type& r) { r.set(http::field::sec_websocket_protocol, protocol); }));
    }
    ws_.control_callback([this](websocket::frame_type kind, beast::string_view) {
      if (kind == websocket::frame_type::ping) on_ping();
    });
    request_ = {http::verb::get, handshake_->request.target, 11};
    for (const auto& [name, value] : handshake_->request.headers) request_.insert(name, value);
    ws_.async_accept(request_, [self = shared_from_this()](const error_code& ec) {
      if (ec) return self->gone();
      self->session_->begin();
      if (!self->gone_) self->read();
    });
  }

  void wind_down() override { close(websocket::close_code::going_away); }
  void kill() override { gone(); }
  void on_limit(int) { gone(); }
  void on_limit(Alarm) {
    if (!gone_ && !close_sent_) session_->on_alarm();
  }

  void send(std::string text, std::uint32_t events, std::weak_ptr<Outlet> from) {
    if (gone_) return;
    queued_ += text.size();
    queue_.push_back({std::move(text), events, std::move(from)});
    if (queued_ > 4 * hub_.gateway().options.limits.buffered_bytes_per_client) return gone();
    if (!writing_) write();
  }
  std::size_t queued() const noexcept { return queued_; }

 private:
  struct Message {
    std::string text;  ///< empty: nothing goes out, the events count
    std::uint32_t events;
    std::weak_ptr<Outlet> from;
  };

  /// The first that carries no key, as a browser needs one of those that it offered.
  std::string subprotocol() const {
    const auto* offered = handshake_->request.header("sec-websocket-protocol");
    if (offered == nullptr) return {};
    std::string_view list = *offered;
    const auto first = trim(list.substr(0, list.find(',')));
    for (;;) {
      const auto comma = list.find(',');
      const auto item = trim(list.substr(0, comma));
      if (item.find("api-key.") == std::string_view::npos) return std::string(item);
      if (comma == std::string_view::npos) return std::string(first);
      list.remove_prefix(comma + 1);
    }
  }

  // The size is checked here before read_message_max does: Beast would drop the connection with bytes unread, and the
  // client would see a reset instead of the reason. Its close reads on until the client has answered or the time is
  // over.
  void read() {
    if (close_sent_ || std::exchange(reading_, true)) return;
    ws_.async_read_some(buffer_, kReadBytes, [self = shared_from_this()](const error_code& ec, std::size_t) {
      self->reading_ = false;
      if (self->gone_) return;
      if (ec) return self->gone();
      if (self->buffer_.size() > self->most_) return self->close(websocket::close_code::too_big);
      if (!self->ws_.is_message_done()) return self->read();
      if (!self->take_message()) return self->close(websocket::close_code::unknown_data);
      if (!self->gone_ && !self->session_->busy()) self->read();
    });
  }

  bool take_message() {
    const bool is_text = ws_.got_text();
    std::string text = is_text ? beast::buffers_to_string(buffer_.data()) : std::string{};
    buffer_.consume(buffer_.size());
    if (buffer_.capacity() > 4 * kReadBytes) buffer_.shrink_to_fit();
    if (!is_text) return session_->on_binary();
    session_->on_message(std::move(text));
    return true;
  }

  SocketHost host() {
    const auto weak = weak_from_this();
    SocketHost host;
    host.make_outlet = [weak] { return std::make_shared<WebSocketOutlet>(weak); };
    host.resume = [weak] {
      if (const auto c = weak.lock(); c && !c->gone_) c->read();
    };
    host.set_alarm = [weak](std::optional<Instant> at) {
      const auto c = weak.lock();
      if (!c || c->gone_) return;
      if (!at) return c->alarm_.disarm();
      c->alarm_.arm(*c, Alarm::session, *at - c->hub_.gateway().effects.clock().now());
    };
    return host;
  }

  void write() {
    while (!queue_.empty() && queue_.front().text.empty()) written();
    if (queue_.empty()) return closing_ ? close(websocket::close_code::going_away) : void();
    writing_ = true;
    write_limit_.arm(*this, 0, hub_.gateway().options.limits.write_timeout);
    ws_.async_write(boost::asio::buffer(queue_.front().text),
                    [self = shared_from_this()](const error_code& ec, std::size_t) {
                      self->writing_ = false;
                      self->write_limit_.disarm();
                      if (self->gone_) return;
                      if (ec) return self->gone();
                      self->written();
                      if (!self->writing_) self->write();
                    });
  }

  void written() {
    const Message message = std::move(queue_.front());
    queue_.pop_front();
    queued_ -= message.text.size();
    if (message.events == 0) return;
    if (const auto outlet = message.from.lock(); outlet && outlet->on_written) outlet->on_written(message.events);
  }

  void on_ping() {
    const auto now = SteadyClock::now();
    if (now - ping_window_ > kPingWindow) {
      ping_window_ = now;
      pings_ = 0;
    }
    if (++pings_ > kPings) close(websocket::close_code::policy_error);
  }

  void close(websocket::close_code code) {
    closing_ = true;
    if (close_sent_ || gone_ || (code == websocket::close_code::going_away && (writing_ || !queue_.empty()))) return;
    close_sent_ = true;
    if (session_) session_->on_closed();
    ws_.async_close(code, [self = shared_from_this()](const error_code&) { self->gone(); });
  }

  void gone() {
    if (gone_) return;
    gone_ = true;
    const auto self = shared_from_this();
    write_limit_.cancel();
    alarm_.cancel();
    ws_.next_layer().close();
    if (session_) session_->on_closed();
    hub_.remove(this);
  }

  Hub& hub_;
  websocket::stream<Stream> ws_;
  DeadlineTimer<WebSocketConnection, int> write_limit_;
  DeadlineTimer<WebSocketConnection, Alarm> alarm_;
  std::shared_ptr<Call> handshake_;
  std::size_t most_;  ///< bytes of a message
  http::request<http::empty_body> request_;
  std::shared_ptr<SocketSession> session_;
  beast::flat_buffer buffer_;
  std::deque<Message> queue_;
  std::size_t queued_ = 0;
  bool reading_ = false, writing_ = false, closing_ = false, close_sent_ = false, gone_ = false;
  int pings_ = 0;
  SteadyClock::time_point ping_window_{};
};

void WebSocketOutlet::send(std::string bytes, std::uint32_t events) {
  if (const auto c = connection_.lock()) c->send(std::move(bytes), events, weak_from_this());
}
std::size_t WebSocketOutlet::buffered() const {
  const auto c = connection_.lock();
  return c ? c->queued() : 0;
}

}  // namespace

std::shared_ptr<Client> make_websocket(Hub& hub, Stream stream, std::shared_ptr<Call> handshake) {
  return std::make_shared<WebSocketConnection>(hub, std::move(stream), std::move(handshake));
}

}  // namespace zenith::gateway
