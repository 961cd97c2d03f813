#include "zenith/links/hub_core.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "recent.hpp"
#include "zenith/links/codec.hpp"

namespace zenith::links {
namespace {

using wire::Kind;

std::uint32_t kib_of(const wire::Message& message) {
  std::size_t bytes = message.body.size();
  for (const Tensor& tensor : message.tensors) bytes += tensor.data.size();
  return static_cast<std::uint32_t>((bytes + 1023) / 1024);
}

bool ends_request(const wire::Header& header) {
  return header.kind == Kind::reply || header.kind == Kind::error ||
         (header.kind == Kind::event && (header.flags & wire::kLast) != 0);
}

bool overtakes(Kind kind) { return kind == Kind::cancel || kind == Kind::grant || kind == Kind::ping; }

Error gone(std::string what) { return Error{Errc::unavailable, std::move(what), {}, std::chrono::seconds(1)}; }

// A session that ends soon after it began (a refused announcement) is not begun again at once, for ever.
constexpr Duration kFirstHelloAgain = std::chrono::milliseconds(20), kLongestHelloAgain = std::chrono::seconds(1);
constexpr Duration kSoon = std::chrono::seconds(1);

// Within a host the kernel copies bytes faithfully; a network is trusted less.
bool needs_hash(std::string_view endpoint) { return !endpoint.starts_with("ipc://"); }

}  // namespace

struct HubCore::Session {
  explicit Session(std::size_t remembered) : closed(remembered) {}
  LinkId link;
  From from;
  Conn conn = 0;
  Route route;
  std::uint32_t number = 0;
  Peer peer;
  actors::Ref<LinkMessage> owner;
  bool dialled() const { return std::holds_alternative<DialId>(from); }
  bool busy() const { return !open.empty(); }

  std::uint32_t next_out = 0, next_in = 0;
  std::uint64_t sent = 0, received = 0;
  std::unordered_map<std::uint64_t, std::uint32_t> open;  // requests without an end, and their KiB
  std::uint32_t open_kib = 0;
  std::uint32_t window_requests = 0, window_kib = 0;
  Recent closed;  // a dialler's: cancelled before they were sent; a listener's: those that have ended

  Instant opened{}, heard{}, ping_at{}, busy_since{};
  std::uint64_t pings = 0;
  bool ping_open = false, suspect = false;
  Duration round_trip{};

  void begin(std::uint64_t id, std::uint32_t kib, Instant now) {
    if (open.empty()) busy_since = now;
    if (open.try_emplace(id, kib).second) open_kib += kib;
  }
  void end(std::uint64_t id) {
    const auto it = open.find(id);
    if (it == open.end()) return;
    open_kib -= it->second;
    open.erase(it);
  }
  Instant silent_since() const { return busy() ? std::max({ping_at, heard, busy_since}) : std::max(ping_at, heard); }
};

struct HubCore::Dialler {
  DialId id;
  Conn conn = 0;
  std::string endpoint;
  actors::Ref<LinkMessage> owner;
  std::uint32_t number = 0;  // of the last hello
  bool connected = false, hash = false;
  std::optional<Instant> hello_at;    // when one is said (again)
  Duration pause = kFirstHelloAgain;  // before that, after a session was lost
  LinkId link;                        // 0: none is up
  std::string last_failure;
};

struct HubCore::Listener {
  ListenerId id;
  Conn conn = 0;
  std::string endpoint;
  actors::Ref<LinkMessage> owner;
  std::map<Route, LinkId> links;
  bool hash = false;
};

HubCore::HubCore(Identity me, LinkTiming timing, LinkLimits limits, const Clock& clock)
    : me_(std::move(me)), timing_(timing), limits_(limits), clock_(clock) {}
HubCore::~HubCore() = default;

// ---- from the actors

ListenerId HubCore::listen(Conn conn, std::string endpoint, actors::Ref<LinkMessage> owner) {
  auto listener = std::make_unique<Listener>();
  listener->id = ListenerId{++last_id_};
  listener->conn = conn;
  listener->hash = needs_hash(endpoint);
  listener->endpoint = std::move(endpoint);
  listener->owner = std::move(owner);
  const ListenerId id = listener->id;
  listeners_[conn] = std::move(listener);
  return id;
}

DialId HubCore::dial(Conn conn, std::string endpoint, actors::Ref<LinkMessage> owner) {
  auto dialler = std::make_unique<Dialler>();
  dialler->id = DialId{++last_id_};
  dialler->conn = conn;
  dialler->hash = needs_hash(endpoint);
  dialler->endpoint = std::move(endpoint);
  dialler->owner = std::move(owner);
  const DialId id = dialler->id;
  diallers_[conn] = std::move(dialler);
  return id;
}

void HubCore::hang_up(DialId dial) {
  const auto it = std::find_if(diallers_.begin(), diallers_.end(), [&](const auto& d) { return d.second->id == dial; });
  if (it == diallers_.end()) return;
  if (it->second->link.value != 0) lose(it->second->link, gone("this side hung up"), true);
  diallers_.erase(it);
}

void HubCore::close(ListenerId listener) {
  const auto it =
      std::find_if(listeners_.begin(), listeners_.end(), [&](const auto& l) { return l.second->id == listener; });
  if (it == listeners_.end()) return;
  const auto links = it->second->links;
  for (const auto& [route, link] : links) lose(link, gone("the listener was closed"), true);
  listeners_.erase(it);
}

Status HubCore::send(LinkId link, wire::Message message) {
  Session* session = find(link);
  if (session == nullptr) return {};
  const wire::Header& header = message.header;
  const Instant now = clock_.now();
  if (header.kind == Kind::request) {
    if (session->closed.has(header.request_id, header.attempt)) return {};  // its cancel came first
    const std::uint32_t kib = kib_of(message);
    // A request larger than the whole window goes alone.
    if (session->open.size() >= session->window_requests ||
        (session->busy() && session->open_kib + kib > session->window_kib)) {
      return tl::make_unexpected(Error{Errc::overloaded,
                                       fmt::format("service '{}' gives no more credit: retry later", session->peer.id),
                                       {},
                                       std::chrono::seconds(1)});
    }
    session->begin(header.request_id, kib, now);
  } else if (header.kind == Kind::cancel) {
    if (!session->open.contains(header.request_id)) {
      session->closed.add(header.request_id, header.attempt);
      return {};
    }
    session->end(header.request_id);
  } else if (ends_request(header)) {
    session->end(header.request_id);
    session->closed.add(header.request_id, header.attempt);
    message.header.credit_requests = limits_.credit_requests;
    message.header.credit_kib = limits_.credit_kib;
  }
  push(*session, std::move(message));
  if (session->dialled()) ping_if_due(*session, now);
  return {};
}

void HubCore::reset(LinkId link, Error why) { lose(link, std::move(why), true); }

void HubCore::leave() {
  std::vector<LinkId> all;
  for (const auto& [link, session] : sessions_) all.push_back(link);
  for (const LinkId link : all) lose(link, gone(fmt::format("'{}' left", me_.id)), true);
}

// ---- from the transport

void HubCore::on_connected(Conn conn) {
  const auto it = diallers_.find(conn);
  if (it == diallers_.end()) return;
  it->second->connected = true;
  say_hello(*it->second);
}

void HubCore::on_disconnected(Conn conn, const Error& why) {
  const auto it = diallers_.find(conn);
  if (it == diallers_.end()) return;
  Dialler& dialler = *it->second;
  dialler.connected = false;
  dialler.hello_at.reset();
  if (dialler.link.value != 0) {
    lose(dialler.link, why, false);
  } else {
    report_failure(dialler, why);
  }
}

void HubCore::on_frames(Conn conn, const Route& route, Expected<wire::Message> message) {
  Listener* listener = nullptr;
  Dialler* dialler = nullptr;
  if (const auto l = listeners_.find(conn); l != listeners_.end()) listener = l->second.get();
  if (const auto d = diallers_.find(conn); d != diallers_.end()) dialler = d->second.get();
  if (listener == nullptr && dialler == nullptr) return;
  const LinkId link = link_of(conn, route);
  if (!message) {
    ++counters_.malformed;
    const Error& why = message.error();
    if (link.value != 0) {
      lose(link, why, true);
    } else if (why.code == Errc::unsupported) {  // another major version
      ++counters_.refused;
      if (listener != nullptr) refuse(conn, route, 0, why);
      if (dialler != nullptr) report_failure(*dialler, why);
    }
    return;
  }
  const wire::Header& header = message->header;
  if (header.kind == Kind::hello && listener != nullptr) return on_hello(*listener, route, *message);
  if (header.kind == Kind::welcome && dialler != nullptr) return on_welcome(*dialler, *message);
  Session* session = find(link);
  const bool of_session =
      session != nullptr && header.session == session->number && header.epoch == session->peer.epoch;
  if (header.kind == Kind::goodbye) {
    auto why = decode_error(message->body).value_or(gone("the peer left"));
    if (of_session) {
      lose(link, std::move(why), false);
    } else if (dialler != nullptr && session == nullptr && (header.session == dialler->number || header.session == 0)) {
      ++counters_.refused;
      dialler->hello_at = clock_.now() + timing_.hello_again;
      report_failure(*dialler, why);
    } else {
      ++counters_.stale;
    }
  } else if (of_session) {
    on_session_message(*session, std::move(*message));
  } else {
    ++counters_.stale;
    // It believes in a session that is none: say so, or it would wait until the silence is noticed.
    if (listener != nullptr && session == nullptr) refuse(conn, route, header.session, gone("the session is over"));
  }
}

void HubCore::on_unsent(Conn conn, const Route& route, const Error& why) {
  if (const LinkId link = link_of(conn, route); link.value != 0) lose(link, why, false);
}

void HubCore::on_wake() {
  const Instant now = clock_.now();
  for (auto& [conn, dialler] : diallers_) {
    if (dialler->hello_at && now >= *dialler->hello_at) say_hello(*dialler);
  }
  std::vector<std::pair<LinkId, Error>> lost;
  for (auto& [link, s] : sessions_) {
    if (!s->dialled()) {
      if (now - s->heard >= (s->busy() ? timing_.silent_busy : timing_.silent_idle)) {
        lost.emplace_back(link, gone(fmt::format("'{}' fell silent", s->peer.id)));
      }
      continue;
    }
    const Duration silence = now - s->silent_since();
    if (s->ping_open && silence >= timing_.lost_after) {
      lost.emplace_back(
          link, gone(fmt::format("'{}' did not answer for {} ms", s->peer.id, silence / std::chrono::milliseconds(1))));
    } else if (s->ping_open && s->busy() && !s->suspect && silence >= timing_.suspect_after) {
      s->suspect = true;
      deliver(s->owner, LinkSuspect{link, true}, actors::Urgency::high);
    } else {
      ping_if_due(*s, now);
    }
  }
  for (auto& [link, why] : lost) lose(link, std::move(why), true);
}

std::optional<Instant> HubCore::next_wake() const {
  std::optional<Instant> next;
  const auto at = [&](Instant when) { next = next ? std::min(*next, when) : when; };
  for (const auto& [conn, dialler] : diallers_) {
    if (dialler->hello_at) at(*dialler->hello_at);
  }
  for (const auto& [link, s] : sessions_) {
    if (!s->dialled()) {
      at(s->heard + (s->busy() ? timing_.silent_busy : timing_.silent_idle));
    } else if (s->ping_open) {
      at(s->silent_since() + (s->busy() && !s->suspect ? timing_.suspect_after : timing_.lost_after));
    } else {
      at(s->ping_at + (s->busy() ? timing_.ping_busy : timing_.ping_idle));
    }
  }
  return next;
}

std::vector<HubCore::Send> HubCore::take_sends() { return std::exchange(sends_, {}); }
std::vector<HubCore::Delivery> HubCore::take_deliveries() { return std::exchange(deliveries_, {}); }

std::vector<LinkStatus> HubCore::status() const {
  std::vector<LinkStatus> all;
  for (const auto& [link, s] : sessions_) {
    LinkStatus row;
    row.link = link;
    row.peer = s->peer;
    row.dialled = s->dialled();
    row.endpoint = row.dialled ? diallers_.at(s->conn)->endpoint : listeners_.at(s->conn)->endpoint;
    row.open_requests = s->open.size();
    row.sent = s->sent;
    row.received = s->received;
    if (row.dialled) {
      const auto open = static_cast<std::uint32_t>(s->open.size());
      row.credit_requests = s->window_requests - std::min(s->window_requests, open);
      row.credit_kib = s->window_kib - std::min(s->window_kib, s->open_kib);
    }
    row.round_trip = s->round_trip;
    row.suspect = s->suspect;
    all.push_back(std::move(row));
  }
  return all;
}

// ---- sessions

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
  auto peer = decode_hello(message.body);
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
  auto peer = decode_hello(message.body);
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

// The books of requests. @returns the message is news.
bool HubCore::account_received(Session& session, const wire::Header& header) {
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
    session.begin(header.request_id, 0, session.heard);
  } else if (header.kind == Kind::cancel) {
    session.end(header.request_id);
    session.closed.add(header.request_id, header.attempt);
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
  if (!account_received(session, header)) return;
  const auto urgency = overtakes(header.kind) ? actors::Urgency::high : actors::Urgency::normal;
  deliver(session.owner, Received{session.link, std::move(message)}, urgency);
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
