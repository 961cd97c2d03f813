#include "sim_net.hpp"

#include <algorithm>
#include <cstring>

namespace zenith::links::sim {
namespace {

using namespace std::chrono_literals;

constexpr Duration kReconnect = 10ms;

std::vector<Buffer> bit_flipped(const std::vector<Buffer>& frames, std::mt19937_64& random) {
  std::vector<Buffer> out = frames;
  Buffer& victim = out[random() % out.size()];
  if (victim.empty()) return out;
  std::vector<std::byte> bytes(victim.bytes().begin(), victim.bytes().end());
  bytes[random() % bytes.size()] ^= static_cast<std::byte>(1u << (random() % 8));
  victim = Buffer::of(std::move(bytes));
  return out;
}

}  // namespace

// ---- the network

void SimNet::note(std::string_view what, std::uint64_t value) {
  const auto mix = [this](std::uint64_t v) { trace_ = (trace_ ^ v) * 0x100000001b3ull; };
  for (const char c : what) mix(static_cast<unsigned char>(c));
  mix(value);
  mix(static_cast<std::uint64_t>(clock_.now().time_since_epoch().count()));
}

void SimNet::run(Duration limit, const std::function<bool()>& done) {
  const Instant end = clock_.now() + limit;
  for (;;) {
    system_->settle();
    if (done()) return;
    std::optional<Instant> next = system_->next_alarm();
    if (!queue_.empty()) next = next ? std::min(*next, queue_.begin()->first.first) : queue_.begin()->first.first;
    if (!next || *next > end) {
      if (clock_.now() < end) clock_.advance(end - clock_.now());
      system_->settle();
      return;
    }
    if (*next > clock_.now()) clock_.advance(*next - clock_.now());
    while (!queue_.empty() && queue_.begin()->first.first <= clock_.now()) {
      const auto what = std::move(queue_.begin()->second);
      queue_.erase(queue_.begin());
      what();
      system_->settle();
    }
  }
}

void SimNet::cut(const std::string& a, const std::string& b, Duration time) {
  cuts_[{std::min(a, b), std::max(a, b)}] = clock_.now() + time;
}

bool SimNet::is_cut(const std::string& a, const std::string& b) const {
  const auto it = cuts_.find({std::min(a, b), std::max(a, b)});
  return it != cuts_.end() && clock_.now() < it->second;
}

Duration SimNet::some_delay() {
  const auto span = static_cast<std::uint64_t>((weather_.delay_most - weather_.delay_least).count()) + 1;
  return weather_.delay_least + Duration{static_cast<std::int64_t>(random_() % span)};
}

void SimNet::carry(SimHub& from, HubCore::Send send) {
  SimHub* to = nullptr;
  HubCore::Conn conn = 0;
  HubCore::Route route;
  if (send.route.empty()) {
    const auto listener = listening_.find(from.dialled_.at(send.conn));
    if (listener == listening_.end()) return;
    std::tie(to, conn) = listener->second;
    route = from.process_ + "/" + std::to_string(from.epoch_) + "/" + std::to_string(send.conn);
  } else {
    const auto peer = from.routes_.find(send.route);
    if (peer == from.routes_.end() || std::find(hubs_.begin(), hubs_.end(), peer->second.first) == hubs_.end()) {
      at(1us, [this, &from, alive = std::weak_ptr{from.alive_}, send] {
        if (alive.lock()) from.unsent(send);
        static_cast<void>(this);
      });
      return;
    }
    std::tie(to, conn) = peer->second;
  }
  if (is_cut(from.process_, to->process_)) return;
  auto frames = wire::to_frames(send.message);
  if (!frames) return;
  const auto chance = [this](int in_thousand) { return static_cast<int>(random_() % 1000) < in_thousand; };
  if (chance(weather_.drop)) return;
  if (chance(weather_.corrupt)) *frames = bit_flipped(*frames, random_);
  Instant when = clock_.now() + some_delay();
  Instant& last = from.last_arrival_[{send.conn, send.route}];
  const bool swapped = chance(weather_.swap);
  if (swapped) {
    when += 500us;
  } else {
    last = when = std::max(when, last);
  }
  const int times = chance(weather_.repeat) ? 2 : 1;
  for (int i = 0; i < times; ++i) {
    at(when - clock_.now(), [to, conn, route, frames = *frames, alive = std::weak_ptr{to->alive_}, sender = &from,
                             sender_alive = std::weak_ptr{from.alive_}, back = send.conn] {
      if (!alive.lock()) return;
      if (!route.empty() && sender_alive.lock()) to->routes_[route] = {sender, back};
      to->arrive(conn, route, frames);
    });
  }
}

// ---- one process

SimHub::SimHub(SimNet& net, std::string process, std::uint64_t epoch, std::string numerics)
    : net_(net),
      process_(std::move(process)),
      epoch_(epoch),
      core_(Identity{epoch, process_, "sim", std::move(numerics)}, LinkTiming{}, LinkLimits{}, net.clock()) {
  net_.hubs_.push_back(this);
}

SimHub::~SimHub() { die(); }

void SimHub::die() {
  if (!alive_) return;
  alive_.reset();
  std::erase(net_.hubs_, this);
  std::erase_if(net_.listening_, [this](const auto& entry) { return entry.second.first == this; });
  for (SimHub* other : net_.hubs_) {
    for (const auto& [conn, endpoint] : other->dialled_) {
      if (other->connected_.contains(conn) && !net_.listening_.contains(endpoint)) other->disconnect(conn);
    }
  }
}

Expected<ListenerId> SimHub::listen(const std::string& endpoint, actors::Ref<LinkMessage> owner) {
  if (!alive_) return fail(Errc::unavailable, "the process was killed");
  const HubCore::Conn conn = ++last_conn_;
  net_.listening_[endpoint] = {this, conn};
  const ListenerId id = core_.listen(conn, endpoint, std::move(owner));
  listeners_[conn] = id;
  bound_[id] = endpoint;
  return id;
}

Expected<DialId> SimHub::dial(const std::string& endpoint, const std::string&, actors::Ref<LinkMessage> owner) {
  if (!alive_) return fail(Errc::unavailable, "the process was killed");
  const HubCore::Conn conn = ++last_conn_;
  dialled_[conn] = endpoint;
  const DialId id = core_.dial(conn, endpoint, std::move(owner));
  dials_[conn] = id;
  connect(conn);
  return id;
}

void SimHub::connect(HubCore::Conn conn) {
  net_.at(kReconnect / 10, [this, conn, alive = std::weak_ptr{alive_}] {
    if (!alive.lock() || !dialled_.contains(conn)) return;
    const auto listener = net_.listening_.find(dialled_.at(conn));
    if (listener == net_.listening_.end() || net_.is_cut(process_, listener->second.first->process_)) {
      net_.at(kReconnect, [this, conn, again = std::weak_ptr{alive_}] {
        if (again.lock()) connect(conn);
      });
      return;
    }
    connected_.insert(conn);
    core_.on_connected(conn);
    pump();
  });
}

void SimHub::disconnect(HubCore::Conn conn) {
  net_.at(1ms, [this, conn, alive = std::weak_ptr{alive_}] {
    if (!alive.lock() || connected_.erase(conn) == 0) return;
    core_.on_disconnected(conn, Error{Errc::unavailable, "the connection ended", {}, {}});
    pump();
    connect(conn);
  });
}

void SimHub::hang_up(DialId dial) {
  core_.hang_up(dial);
  pump();
  const auto it = std::find_if(dials_.begin(), dials_.end(), [&](const auto& d) { return d.second == dial; });
  if (it == dials_.end()) return;
  dialled_.erase(it->first);
  connected_.erase(it->first);
  dials_.erase(it);
}

void SimHub::close(ListenerId listener) {
  core_.close(listener);
  pump();
  std::erase_if(net_.listening_, [&](const auto& entry) {
    return entry.second.first == this && listeners_.at(entry.second.second) == listener;
  });
}

Status SimHub::send(LinkId link, wire::Message message, Lane) {
  auto ok = core_.send(link, std::move(message));
  pump();
  return ok;
}

void SimHub::reset(LinkId link, Error why) {
  core_.reset(link, std::move(why));
  pump();
}

void SimHub::hang(Duration time) {
  stopped_until_ = net_.clock().now() + time;
  net_.at(time, [this, alive = std::weak_ptr{alive_}] {
    if (!alive.lock()) return;
    stopped_until_.reset();
    core_.on_wake();
    pump();
  });
}

void SimHub::arrive(HubCore::Conn conn, const HubCore::Route& route, const std::vector<Buffer>& frames) {
  if (stopped_until_) {
    net_.at(*stopped_until_ - net_.clock().now(), [this, conn, route, frames, alive = std::weak_ptr{alive_}] {
      if (alive.lock()) arrive(conn, route, frames);
    });
    return;
  }
  auto message = wire::from_frames(frames);
  net_.note(process_, message ? message->header.sequence : 0);
  core_.on_frames(conn, route, std::move(message));
  pump();
}

void SimHub::unsent(const HubCore::Send& send) {
  core_.on_unsent(send.conn, send.route, Error{Errc::unavailable, "the peer is gone", {}, {}});
  pump();
}

void SimHub::pump() {
  if (!alive_) return;
  for (auto& delivery : core_.take_deliveries()) delivery.to.send(std::move(delivery.message), delivery.urgency);
  if (stopped_until_) return;
  for (auto& send : core_.take_sends()) {
    if (send.route.empty() && !dialled_.contains(send.conn)) continue;
    net_.carry(*this, std::move(send));
  }
  const auto next = core_.next_wake();
  if (!next || (wake_planned_ && *wake_planned_ <= *next)) return;
  wake_planned_ = *next;
  net_.at(std::max(*next - net_.clock().now(), Duration{0}), [this, planned = *next, alive = std::weak_ptr{alive_}] {
    if (!alive.lock()) return;
    if (wake_planned_ == planned) wake_planned_.reset();
    if (stopped_until_) return;
    core_.on_wake();
    pump();
  });
}

}  // namespace zenith::links::sim
