#include "zenith/gateway/server.hpp"

#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <unordered_map>

#include "http/error_body.hpp"
#include "net/client.hpp"
#include "tls/context.hpp"
#include "zenith/core/log.hpp"

namespace zenith::gateway {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using namespace std::chrono_literals;

constexpr auto kAcceptPause = 200ms;  ///< after accept() found no file descriptor
constexpr auto kLastWords = 2s;       ///< for answers that are still being written when the drain is over

class ServerImpl final : public Server, public Hub {
 public:
  ServerImpl(ServerOptions options, Port& port, Effects& effects, Metrics& metrics)
      : loop_(std::make_shared<Loop>([this] { asio::post(io_, [loop = loop_] { loop->run_posted(); }); })),
        gateway_(std::move(options), port, effects, metrics, loop_),
        acceptor_(io_),
        pause_(io_),
        drain_(io_) {}

  ~ServerImpl() override {
    gateway_.fetcher.reset();
    for (const auto& client : snapshot_of_clients()) client->kill();
    loop_->close();
  }

  Status bind() {
    const auto& options = gateway_.options;
    if (options.tls) {
      auto tls = TlsContext::load(*options.tls);
      if (!tls) return tl::make_unexpected(tls.error());
      tls_ = std::move(*tls);
    }
    error_code ec;
    const auto address = asio::ip::make_address(options.host == "localhost" ? "127.0.0.1" : options.host, ec);
    if (ec) return fail(Errc::invalid_argument, fmt::format("listen: \"{}\" is no IP address", options.host), "listen");
    if (!address.is_loopback()) {
      if (!options.exposed) {
        return fail(Errc::invalid_argument,
                    fmt::format("listen: {} is reachable from other machines: set exposed = true and a keys_file, or "
                                "listen on 127.0.0.1",
                                options.host),
                    "exposed");
      }
      if (!options.keys || options.keys->empty()) {
        return fail(
            Errc::invalid_argument,
            fmt::format("listen: {} is reachable from other machines: a keys_file with at least one key is needed",
                        options.host),
            "keys_file");
      }
    }
    const tcp::endpoint endpoint(address, options.port);
    const auto refused = [&](std::string_view what) {
      const std::string why =
          ec == asio::error::address_in_use
              ? fmt::format("port {} is in use: stop what listens there or choose another with --listen {}:PORT",
                            options.port, options.host)
              : fmt::format("cannot {} {}:{}: {}", what, options.host, options.port, ec.message());
      return fail(Errc::io, why, "listen");
    };
    if (acceptor_.open(endpoint.protocol(), ec); ec) return refused("open a socket for");
    acceptor_.set_option(tcp::acceptor::reuse_address(true), ec);
    if (acceptor_.bind(endpoint, ec); ec) return refused("bind");
    if (acceptor_.listen(asio::socket_base::max_listen_connections, ec); ec) return refused("listen on");
    port_ = acceptor_.local_endpoint(ec).port();
    return {};
  }

  std::uint16_t port() const noexcept override { return port_; }

  void run() override {
    accept();
    const auto work = asio::make_work_guard(io_);
    io_.run();
  }

  Status reload_tls(const TlsFiles& files) override {
    if (!gateway_.options.tls)
      return fail(Errc::invalid_argument, "this server was started without TLS: restart it", "server.tls_cert");
    auto tls = TlsContext::load(files);
    if (!tls) return tl::make_unexpected(tls.error());
    loop_->post([this, fresh = std::move(*tls)]() mutable { tls_ = std::move(fresh); });
    return {};
  }

  void stop(std::chrono::milliseconds drain) override {
    loop_->post([this, drain] { begin_drain(drain); });
  }

  // Hub
  Gateway& gateway() noexcept override { return gateway_; }
  void add(std::shared_ptr<Client> client) override {
    clients_.emplace(client.get(), std::move(client));
    gateway_.connections_changed(clients_.size());
  }
  void remove(const Client* client) override {
    clients_.erase(client);
    gateway_.connections_changed(clients_.size());
    if (closing_ && clients_.empty()) io_.stop();
  }

 private:
  std::vector<std::shared_ptr<Client>> snapshot_of_clients() const {
    std::vector<std::shared_ptr<Client>> all;
    for (const auto& [key, client] : clients_) all.push_back(client);
    return all;
  }

  void accept() {
    acceptor_.async_accept([this](const error_code& ec, tcp::socket socket) {
      if (!acceptor_.is_open()) return;
      if (ec == asio::error::no_descriptors || ec == error_code(ENFILE, boost::system::system_category()) ||
          ec == asio::error::no_memory || ec == asio::error::no_buffer_space) {
        return wait_for_descriptors(ec);
      }
      gateway_.accepting = true;
      if (!ec) welcome(std::move(socket));
      accept();
    });
  }

  void wait_for_descriptors(const error_code& why) {
    if (gateway_.accepting)
      log(LogLevel::error, "gateway", "cannot accept connections",
          {{"reason", why.message()}, {"open", clients_.size()}});
    gateway_.accepting = false;
    pause_.expires_after(kAcceptPause);
    pause_.async_wait([this](const error_code& ec) {
      if (!ec && acceptor_.is_open()) accept();
    });
  }

  void welcome(tcp::socket socket) {
    if (clients_.size() >= gateway_.options.limits.connections) {
      error_code ignored;
      if (!tls_) {  // a handshake for a refusal would be work without a limit
        auto answer = status_reply_text();
        socket.non_blocking(true, ignored);
        socket.write_some(asio::buffer(answer), ignored);
      }
      socket.shutdown(tcp::socket::shutdown_send, ignored);
      gateway_.count("unmatched", 503, Duration{0});
      return;
    }
    auto client =
        make_http_connection(*this, tls_ ? Stream(std::move(socket), tls_->open()) : Stream(std::move(socket)));
    add(client);
    client->start();
  }

  std::string status_reply_text() const {
    auto reply = error_reply(
        {Errc::overloaded, fmt::format("this server has {} connections open, its limit", clients_.size()), {}, 1s});
    return render_head(503, reply.headers, reply.content_type, reply.body.size(), false, true) + reply.body;
  }

  void begin_drain(std::chrono::milliseconds drain) {
    if (gateway_.draining()) return;
    log(LogLevel::info, "gateway", "draining", {{"running", gateway_.running()}, {"drain_ms", drain.count()}});
    drain_.expires_after(drain);
    drain_.async_wait([this, drain](const error_code& ec) {
      if (ec || closing_) return;
      gateway_.abort_all(
          {Errc::draining,
           fmt::format("the server is shutting down and this request did not end within {} ms", drain.count()),
           {},
           5s});
    });
    gateway_.drain_begins([this] { asio::post(io_, [this] { close_all(); }); });
  }

  void close_all() {
    if (closing_) return;
    closing_ = true;
    error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
    drain_.expires_after(kLastWords);
    drain_.async_wait([this](const error_code& ec) {
      if (!ec) io_.stop();
    });
    for (const auto& client : snapshot_of_clients()) client->wind_down();
    if (clients_.empty()) io_.stop();
  }

  asio::io_context io_{1};
  std::shared_ptr<Loop> loop_;
  Gateway gateway_;
  std::shared_ptr<const TlsContext> tls_;  ///< null: plain
  tcp::acceptor acceptor_;
  asio::steady_timer pause_, drain_;
  std::unordered_map<const Client*, std::shared_ptr<Client>> clients_;
  std::uint16_t port_ = 0;
  bool closing_ = false;
};

}  // namespace

Expected<std::unique_ptr<Server>> Server::listen(ServerOptions options, Port& port, Effects& effects,
                                                 Metrics& metrics) {
  auto server = std::make_unique<ServerImpl>(std::move(options), port, effects, metrics);
  if (auto status = server->bind(); !status) return tl::make_unexpected(status.error());
  return server;
}

}  // namespace zenith::gateway
