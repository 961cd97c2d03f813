#include "socket_entry.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstring>

namespace zenith::wire {
namespace {

constexpr int kMonitored = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_CONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED |
                           ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                           ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_ACCEPT_FAILED;

int milliseconds(Duration duration) {
  return static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

tl::unexpected<Error> refuse(const std::string& endpoint, const std::string& what) {
  return fail(Errc::io, endpoint + ": " + what + ": " + zmq_reason(), "endpoint");
}

Status check_tcp(const std::string& endpoint) {
  const auto rest = std::string_view{endpoint}.substr(6);
  const auto colon = rest.rfind(':');
  unsigned port = 65536;
  if (colon != std::string_view::npos && colon > 0) {
    const auto digits = rest.substr(colon + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (error != std::errc{} || end != digits.data() + digits.size()) port = 65536;
  }
  if (port > 65535) {
    return fail(Errc::invalid_argument, "'" + endpoint + "' is no TCP endpoint: write tcp://HOST:PORT", "endpoint");
  }
  return {};
}

/// Whether the endpoint is TCP, and may be used with these keys.
Expected<bool> check_endpoint(const std::string& endpoint, const SocketOptions& options, bool listener,
                              const std::string& key) {
  if (!endpoint.starts_with("tcp://")) {
    if (auto path = ipc_path(endpoint); !path) return tl::make_unexpected(path.error());
    return false;
  }
  if (auto ok = check_tcp(endpoint); !ok) return tl::make_unexpected(ok.error());
  if (!options.keys) {
    return fail(Errc::invalid_argument,
                endpoint + ": TCP links need keys: make them with `zenith keys`, or set curve.dir to where they are",
                "curve.dir");
  }
  if (!listener && !is_key(key)) {
    return fail(Errc::invalid_argument, endpoint + ": the server's public key is missing or no key (40 characters)",
                "server_key");
  }
  return true;
}

bool set_common(void* s, const SocketOptions& options, bool tcp) {
  const auto frame = static_cast<std::int64_t>(tcp ? options.tcp_frame_bytes : options.ipc_frame_bytes);
  // One I/O thread for ipc and one for TCP: a name server that does not answer blocks the thread that asks it.
  const std::uint64_t affinity = tcp ? 2 : 1;
  bool ok = set_option(s, ZMQ_AFFINITY, affinity) && set_option(s, ZMQ_LINGER, milliseconds(options.linger)) &&
            set_option(s, ZMQ_SNDHWM, options.high_water_mark) && set_option(s, ZMQ_RCVHWM, options.high_water_mark) &&
            set_option(s, ZMQ_SNDTIMEO, 0) && set_option(s, ZMQ_RCVTIMEO, 0) && set_option(s, ZMQ_MAXMSGSIZE, frame) &&
            set_option(s, ZMQ_HANDSHAKE_IVL, milliseconds(options.handshake)) && set_option(s, ZMQ_IMMEDIATE, 1) &&
            set_option(s, ZMQ_RECONNECT_IVL, milliseconds(options.reconnect_first)) &&
            set_option(s, ZMQ_RECONNECT_IVL_MAX, milliseconds(options.reconnect_last));
  if (tcp) {
    ok = ok && set_option(s, ZMQ_HEARTBEAT_IVL, milliseconds(options.tcp_heartbeat)) &&
         set_option(s, ZMQ_HEARTBEAT_TIMEOUT, milliseconds(options.tcp_silence)) &&
         set_option(s, ZMQ_HEARTBEAT_TTL, milliseconds(options.tcp_silence)) && set_option(s, ZMQ_TCP_KEEPALIVE, 1);
  }
  return ok;
}

bool set_security(void* s, const SocketOptions& options, bool listener, const std::string& key) {
  const std::string domain = "zenith";
  if (!set_option(s, ZMQ_CURVE_SECRETKEY, options.keys->secret_key)) return false;
  if (listener) {
    return set_option(s, ZMQ_CURVE_SERVER, 1) && set_option(s, ZMQ_ZAP_DOMAIN, domain);
  }
  return set_option(s, ZMQ_CURVE_PUBLICKEY, options.keys->public_key) && set_option(s, ZMQ_CURVE_SERVERKEY, key);
}

std::string last_endpoint(void* socket) {
  std::array<char, 512> text{};
  std::size_t size = text.size();
  return zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, text.data(), &size) == 0 ? std::string{text.data()} : std::string{};
}

Status attach_monitor(void* context, SocketEntry& entry) {
  const auto name = fmt::format("inproc://monitor-{}", entry.conn);
  if (zmq_socket_monitor(entry.socket.get(), name.c_str(), kMonitored) != 0) {
    return refuse(entry.endpoint, "cannot watch the socket");
  }
  entry.monitor.reset(zmq_socket(context, ZMQ_PAIR));
  if (!entry.monitor || !set_option(entry.monitor.get(), ZMQ_LINGER, 0) ||
      zmq_connect(entry.monitor.get(), name.c_str()) != 0) {
    return refuse(entry.endpoint, "cannot watch the socket");
  }
  entry.monitor_fd = get_int(entry.monitor.get(), ZMQ_FD);
  return {};
}

Status bind(SocketEntry& entry) {
  if (!entry.tcp) {
    auto claim = Claim::take(lock_of(*ipc_path(entry.endpoint)));
    if (!claim && claim.error().code == Errc::unavailable) {
      return fail(Errc::unavailable, entry.endpoint + ": another process listens there", "endpoint");
    }
    if (!claim) return tl::make_unexpected(claim.error());
    entry.claim = std::move(*claim);
  }
  if (zmq_bind(entry.socket.get(), entry.endpoint.c_str()) != 0) return refuse(entry.endpoint, "cannot listen");
  if (entry.tcp) entry.endpoint = last_endpoint(entry.socket.get());
  return {};
}

}  // namespace

Expected<std::unique_ptr<SocketEntry>> make_entry(void* context, const SocketOptions& options, Conn conn, bool listener,
                                                  const std::string& endpoint, const std::string& key) {
  const auto tcp = check_endpoint(endpoint, options, listener, key);
  if (!tcp) return tl::make_unexpected(tcp.error());
  auto entry = std::make_unique<SocketEntry>();
  entry->conn = conn;
  entry->listener = listener;
  entry->tcp = *tcp;
  entry->endpoint = endpoint;
  entry->socket.reset(zmq_socket(context, listener ? ZMQ_ROUTER : ZMQ_DEALER));
  if (!entry->socket) return refuse(endpoint, "cannot open a socket");
  void* s = entry->socket.get();
  if (!set_common(s, options, *tcp) || (listener && !set_option(s, ZMQ_ROUTER_MANDATORY, 1)) ||
      (*tcp && !set_security(s, options, listener, key))) {
    return refuse(endpoint, "cannot set the socket up");
  }
  if (auto ok = attach_monitor(context, *entry); !ok) return tl::make_unexpected(ok.error());
  if (listener) {
    if (auto ok = bind(*entry); !ok) return tl::make_unexpected(ok.error());
  } else if (zmq_connect(s, endpoint.c_str()) != 0) {
    return refuse(endpoint, "cannot dial");
  }
  entry->fd = get_int(s, ZMQ_FD);
  return entry;
}

std::optional<MonitorEvent> SocketEntry::next_event() {
  ReceivedFrame first;
  if (!monitor || receive_frame(monitor.get(), first) != 0) return std::nullopt;
  MonitorEvent event;
  const auto bytes = first.bytes();
  if (bytes.size() == 6) {
    std::memcpy(&event.event, bytes.data(), 2);
    std::memcpy(&event.value, bytes.data() + 2, 4);
  }
  ReceivedFrame where;
  if (zmq_msg_more(&first.msg) != 0) static_cast<void>(receive_frame(monitor.get(), where));
  return event;
}

void SocketEntry::learn_route(const std::string& route, zmq_msg_t& frame) {
  const int descriptor = zmq_msg_get(&frame, ZMQ_SRCFD);
  if (descriptor < 0) return;
  descriptors.emplace(route, descriptor);
  routes[descriptor].push_back(route);
}

Unsent SocketEntry::unsent_to(const std::string& route) {
  if (listener && !descriptors.contains(route)) return nullptr;
  Unsent& counted = unsent[route];
  if (!counted) counted = std::make_shared<std::atomic<std::size_t>>(0);
  return counted;
}

std::optional<std::string> SocketEntry::forget_route(int descriptor) {
  const auto known = routes.find(descriptor);
  if (known == routes.end()) return std::nullopt;
  std::string route = std::move(known->second.front());
  known->second.pop_front();
  if (known->second.empty()) routes.erase(known);
  descriptors.erase(route);
  unsent.erase(route);
  return route;
}

std::optional<Error> handshake_error(const SocketEntry& entry, const MonitorEvent& event) {
  if (!entry.tcp) return std::nullopt;
  std::string what;
  if (event.event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) {
    what = "refuses this process's key: put its .public file into the allow folder there (curve.allow)";
  } else if (event.event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL) {
    what = event.value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH ? "does not speak CURVE, or is no Zenith"
                                                                     : "broke the CURVE handshake: its key is another";
  } else {
    what = "ended the CURVE handshake: its public key is not the one given here, or it is stopping";
  }
  return Error{Errc::unauthorized, entry.endpoint + " " + what, entry.endpoint, {}};
}

}  // namespace zenith::wire
