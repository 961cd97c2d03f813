// What actors ask for, what the transport tells, and time. Sessions: hub_sessions.cpp.
#include "zenith/links/hub_core.hpp"

#include <fmt/format.h>

#include "hub_state.hpp"
#include "zenith/links/codec.hpp"

namespace zenith::links {
namespace {

using wire::Kind;

constexpr std::size_t kMostReason = 16u << 10;  // bytes of a goodbye that are read

// Within a host the kernel copies bytes faithfully; a network is trusted less.
bool needs_hash(std::string_view endpoint) { return !endpoint.starts_with("ipc://"); }

}  // namespace

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
  if (it->second->link.value != 0) lose(it->second->link, done("this side hung up"), true);
  diallers_.erase(it);
}

void HubCore::close(ListenerId listener) {
  const auto it =
      std::find_if(listeners_.begin(), listeners_.end(), [&](const auto& l) { return l.second->id == listener; });
  if (it == listeners_.end()) return;
  const auto links = it->second->links;
  for (const auto& [route, link] : links) lose(link, done("the listener was closed"), true);
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
  } else if (header.kind == Kind::pong) {
    session->pong_owed = false;
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
  for (const LinkId link : all) lose(link, done(fmt::format("'{}' left", me_.id)), true);
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
    auto why = gone("the peer left");
    if (message->body.size() <= kMostReason) why = decode_error(message->body).value_or(std::move(why));
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

}  // namespace zenith::links
