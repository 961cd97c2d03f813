// Sessions: how they begin and end, their order, their books of requests, their pings.
#include <fmt/format.h>

#include "hub_state.hpp"
#include "zenith/links/codec.hpp"

namespace zenith::links {
namespace {

using wire::Kind;

bool overtakes(Kind kind) { return kind == Kind::cancel || kind == Kind::grant || kind == Kind::ping; }

constexpr Duration kSoon = std::chrono::seconds(1);

// The hub's lock is held: no peer may make that long.
Expected<Peer> read_peer(const Buffer& body) {
  constexpr std::size_t kMostBytes = 4096;
  if (body.size() > kMostBytes) {
    return fail(Errc::bad_frame, fmt::format("a hello of {} bytes, at most {} may be", body.size(), kMostBytes),
                "hello");
  }
  return decode_hello(body);
}

}  // namespace

HubCore::Session* HubCore::find(LinkId link) {
  const auto it = sessions_.find(link);
  return it == sessions_.end() ? nullptr : it->second.get();
}

LinkId HubCore::link_of(Conn conn, const Route& route) const {
  if (const auto l = listeners_.find(conn); l != listeners_.end()) {
    const auto at = l->second->links.find(route);
    return at == l->second->links.end() ? LinkId{} : at->second;
  }
  const auto d = diallers_.find(conn);
  return d == diallers_.end() ? LinkId{} : d->second->link;
}

HubCore::Session& HubCore::open(From from, Conn conn, Route route, std::uint32_t number, Peer peer,
                                actors::Ref<LinkMessage> owner) {
  auto session = std::make_unique<Session>(limits_.remembered);
  session->link = LinkId{++last_id_};
  session->from = from;
  session->conn = conn;
  session->route = std::move(route);
  session->number = number;
  session->peer = std::move(peer);
  session->owner = std::move(owner);
  session->opened = session->heard = session->ping_at = session->busy_since = clock_.now();
  Session& opened = *session;
  sessions_[opened.link] = std::move(session);
  deliver(opened.owner, LinkUp{opened.link, from, opened.peer});
  return opened;
}

void HubCore::lose(LinkId link, Error why, bool tell_peer) {
  const auto it = sessions_.find(link);
  if (it == sessions_.end()) return;
  ++counters_.sessions_lost;
  Session& session = *it->second;
  if (tell_peer) refuse(session.conn, session.route, session.number, why);
  deliver(session.owner, LinkDown{link, session.from, std::move(why)});
  if (session.dialled()) {
    Dialler& dialler = *diallers_.at(session.conn);
    dialler.link = LinkId{};
    const Instant now = clock_.now();
    if (dialler.connected) dialler.hello_at = now + dialler.pause;
    dialler.pause = now - session.opened < kSoon ? std::min(dialler.pause * 2, kLongestHelloAgain) : kFirstHelloAgain;
  } else {
    listeners_.at(session.conn)->links.erase(session.route);
  }
  sessions_.erase(it);
}

void HubCore::say_hello(Dialler& dialler) {
  if (dialler.link.value != 0) lose(dialler.link, gone("the connection was made anew"), false);
  wire::Message hello;
  hello.header.kind = Kind::hello;
  hello.header.epoch = me_.epoch;
  hello.header.session = ++dialler.number;
  hello.body = encode_hello(Peer{me_.epoch, me_.id, me_.version, me_.numerics});
  dialler.hello_at = clock_.now() + timing_.hello_again;
  emit(dialler.conn, {}, std::move(hello));
}

void HubCore::push(Session& session, wire::Message message) {
  message.header.epoch = me_.epoch;
  message.header.session = session.number;
  message.header.sequence = session.next_out++;
  ++session.sent;
  emit(session.conn, session.route, std::move(message));
}

void HubCore::emit(Conn conn, const Route& route, wire::Message message) {
  const auto d = diallers_.find(conn);
  const auto l = listeners_.find(conn);
  if ((d != diallers_.end() && d->second->hash) || (l != listeners_.end() && l->second->hash)) {
    message.header.flags |= wire::kPayloadHash;
  }
  sends_.push_back({conn, route, std::move(message)});
}

void HubCore::refuse(Conn conn, const Route& route, std::uint32_t session, const Error& why) {
  wire::Message goodbye;
  goodbye.header.kind = Kind::goodbye;
  goodbye.header.epoch = me_.epoch;
  goodbye.header.session = session;
  goodbye.header.status = static_cast<std::uint16_t>(static_cast<std::uint16_t>(why.code) + 1);
  goodbye.body = encode_error(why);
  emit(conn, route, std::move(goodbye));
}

void HubCore::report_failure(Dialler& dialler, const Error& why) {
  if (dialler.last_failure == why.message) return;  // once, not at every attempt
  dialler.last_failure = why.message;
  deliver(dialler.owner, LinkDown{LinkId{}, dialler.id, why});
}

void HubCore::deliver(const actors::Ref<LinkMessage>& to, LinkMessage message, actors::Urgency urgency) {
  deliveries_.push_back({to, std::move(message), urgency});
}

void HubCore::on_hello(Listener& listener, const Route& route, const wire::Message& message) {
  const wire::Header& header = message.header;
  auto peer = read_peer(message.body);
  if (!peer) {
    ++counters_.malformed;
    return refuse(listener.conn, route, header.session, peer.error());
  }
  peer->epoch = header.epoch;
  if (const auto at = listener.links.find(route); at != listener.links.end()) {
    const Session& old = *find(at->second);
    if (old.peer.epoch == header.epoch && header.session <= old.number) {
      ++counters_.repeated;
      return;
    }
    lose(at->second, gone(fmt::format("'{}' began a new session", peer->id)), false);
  }
  if (listener.links.size() >= limits_.sessions) {
    ++counters_.refused;
    return refuse(
        listener.conn, route, header.session,
        Error{Errc::overloaded, fmt::format("'{}' has {} links, the limit", me_.id, limits_.sessions), {}, {}});
  }
  Session& session = open(listener.id, listener.conn, route, header.session, std::move(*peer), listener.owner);
  listener.links[route] = session.link;
  wire::Message welcome;
  welcome.header.kind = Kind::welcome;
  welcome.header.epoch = me_.epoch;
  welcome.header.session = session.number;
  welcome.header.credit_requests = limits_.credit_requests;
  welcome.header.credit_kib = limits_.credit_kib;
  welcome.body = encode_hello(Peer{me_.epoch, me_.id, me_.version, me_.numerics});
  emit(listener.conn, route, std::move(welcome));
}

void HubCore::on_welcome(Dialler& dialler, const wire::Message& message) {
  const wire::Header& header = message.header;
  if (header.session != dialler.number || dialler.link.value != 0) {
    ++counters_.stale;
    return;
  }
  auto peer = read_peer(message.body);
  if (!peer) {
    ++counters_.malformed;
    return report_failure(dialler, peer.error());
  }
  peer->epoch = header.epoch;
  dialler.hello_at.reset();
  dialler.last_failure.clear();
  Session& session = open(dialler.id, dialler.conn, {}, header.session, std::move(*peer), dialler.owner);
  session.window_requests = header.credit_requests;
  session.window_kib = header.credit_kib;
  dialler.link = session.link;
}

// What a peer must not do, whoever it is. @returns how it did.
std::optional<std::string> HubCore::over_limits(const Session& session, const wire::Message& message) const {
  const std::uint32_t kib = kib_of(message);
  if (session.unhandled->messages >= limits_.unhandled || session.unhandled->kib + kib > limits_.unhandled_kib) {
    return "sends faster than it is read";
  }
  if (session.dialled() || message.header.kind != Kind::request || session.open.contains(message.header.request_id)) {
    return std::nullopt;
  }
  // A request larger than the whole window goes alone.
  if (session.open.size() >= limits_.credit_requests ||
      (session.busy() && session.open_kib + kib > limits_.credit_kib)) {
    return "sends more requests than it has credit for";
  }
  return std::nullopt;
}

// The books of requests. @returns the message is news.
bool HubCore::account_received(Session& session, const wire::Message& message) {
  const wire::Header& header = message.header;
  if (session.dialled()) {
    if (header.credit_requests != 0) {
      session.window_requests = header.credit_requests;
      session.window_kib = header.credit_kib;
    }
    const bool answers = ends_request(header) || header.kind == Kind::event;
    if (answers && !session.open.contains(header.request_id)) {  // cancelled meanwhile, or answered before
      ++counters_.stale;
      return false;
    }
    if (ends_request(header)) session.end(header.request_id);
    return true;
  }
  if (header.kind == Kind::request) {
    if (session.open.contains(header.request_id) || session.closed.has(header.request_id, header.attempt)) {
      ++counters_.repeated;
      return false;
    }
    session.begin(header.request_id, kib_of(message), session.heard);
  } else if (header.kind == Kind::cancel) {
    session.end(header.request_id);
    session.closed.add(header.request_id, header.attempt);
  } else if (header.kind == Kind::ping && std::exchange(session.pong_owed, true)) {
    ++counters_.repeated;  // one at a time: each goes through every service
    return false;
  }
  return true;
}

void HubCore::on_session_message(Session& session, wire::Message message) {
  const wire::Header& header = message.header;
  if (header.sequence < session.next_in) {
    ++counters_.repeated;
    return;
  }
  if (header.sequence > session.next_in) {
    return lose(
        session.link,
        Error{Errc::bad_frame,
              fmt::format("{} messages of '{}' are missing", header.sequence - session.next_in, session.peer.id),
              {},
              {}},
        true);
  }
  ++session.next_in;
  ++session.received;
  session.heard = clock_.now();
  if (std::exchange(session.suspect, false)) {
    deliver(session.owner, LinkSuspect{session.link, false}, actors::Urgency::high);
  }
  if (header.kind == Kind::pong) {
    if (session.ping_open && header.request_id == session.pings) {
      session.ping_open = false;
      session.round_trip = session.heard - session.ping_at;
    }
    return;
  }
  if (const auto broken = over_limits(session, message)) {
    return lose(session.link, Error{Errc::bad_frame, fmt::format("'{}' {}", session.peer.id, *broken), {}, {}}, true);
  }
  if (!account_received(session, message)) return;
  const auto urgency = overtakes(header.kind) ? actors::Urgency::high : actors::Urgency::normal;
  auto held = std::make_shared<const Handling>(session.unhandled, kib_of(message));
  deliver(session.owner, Received{session.link, std::move(message), std::move(held)}, urgency);
}

void HubCore::ping_if_due(Session& session, Instant now) {
  if (session.ping_open) return;
  if (now - session.ping_at < (session.busy() ? timing_.ping_busy : timing_.ping_idle)) return;
  session.ping_open = true;
  session.ping_at = now;
  wire::Message ping;
  ping.header.kind = Kind::ping;
  ping.header.request_id = ++session.pings;
  push(session, std::move(ping));
}

}  // namespace zenith::links
