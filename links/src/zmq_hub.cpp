#include "zenith/links/zmq_hub.hpp"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "zenith/core/log.hpp"

namespace zenith::links {

using wire::Conn;

struct ZmqHub::Impl final : wire::SocketEvents {
  Impl(ZmqHubOptions options, std::unique_ptr<wire::Sockets> opened)
      : limits(options.sockets),
        sockets(std::move(opened)),
        core(std::move(options.me), options.timing, options.limits, clock) {}

  SystemClock clock;
  const wire::SocketOptions limits;
  std::unique_ptr<wire::Sockets> sockets;

  mutable std::mutex mutex;  // of what follows
  HubCore core;
  std::map<ListenerId, Conn> listeners;
  std::map<DialId, Conn> diallers;
  std::map<LinkId, std::size_t> largest_frame;  // that may be sent, of the links that are up
  std::vector<Conn> closing;                    // once what HubCore had to say on them is sent
  wire::SocketCounters socket_counters;
  bool asleep = false;  // the thread waits on sockets: it needs a wake to look at core
  bool stopping = false;

  std::thread thread;

  /// Runs `change` on the core; the I/O thread then sends what came of it.
  template <class Change>
  auto with_core(Change change) {
    std::unique_lock lock(mutex);
    if constexpr (std::is_void_v<decltype(change())>) {
      change();
      wake_after(std::move(lock));
    } else {
      auto result = change();
      wake_after(std::move(lock));
      return result;
    }
  }
  void wake_after(std::unique_lock<std::mutex> lock) {
    const bool wake = std::exchange(asleep, false);
    lock.unlock();
    if (wake) sockets->wake();
  }

  void remember(const HubCore::Delivery& delivery);
  Status check_size(LinkId link, const wire::Message& message) const;

  void run();
  /// @returns false when there was nothing to do.
  bool turn(std::optional<Instant>& next);
  void send_all(std::vector<HubCore::Send>& sends);

  void on_connected(Conn dialler) override {
    const std::lock_guard lock(mutex);
    core.on_connected(dialler);
  }
  void on_disconnected(Conn dialler, Error why) override {
    log(LogLevel::debug, "links", "a dial is down", {{"reason", why.message}});
    const std::lock_guard lock(mutex);
    core.on_disconnected(dialler, why);
  }
  void on_peer_gone(Conn listener, const std::string& route) override {
    const std::lock_guard lock(mutex);
    core.on_unsent(listener, route, {Errc::unavailable, "the peer's connection ended", {}, {}});
  }
  void on_frames(Conn conn, const std::string& route, Expected<std::vector<Buffer>> frames) override {
    auto message = frames ? wire::from_frames(*frames) : tl::make_unexpected(frames.error());
    const std::lock_guard lock(mutex);
    core.on_frames(conn, route, std::move(message));
  }
};

void ZmqHub::Impl::run() {
  for (;;) {
    std::optional<Instant> next;
    if (turn(next)) continue;
    {
      const std::lock_guard lock(mutex);
      if (stopping) return;
    }
    sockets->run_once(next, *this);
  }
}

bool ZmqHub::Impl::turn(std::optional<Instant>& next) {
  std::vector<HubCore::Send> sends;
  std::vector<HubCore::Delivery> deliveries;
  std::vector<Conn> ended;
  {
    const std::lock_guard lock(mutex);
    next = core.next_wake();
    if (next && clock.now() >= *next) {
      core.on_wake();
      next = core.next_wake();
    }
    sends = core.take_sends();
    deliveries = core.take_deliveries();
    for (const auto& delivery : deliveries) remember(delivery);
    ended = std::exchange(closing, {});
    socket_counters = sockets->counters();
    asleep = sends.empty() && deliveries.empty() && ended.empty() && !stopping;
  }
  for (auto& delivery : deliveries) delivery.to.send(std::move(delivery.message), delivery.urgency);
  send_all(sends);
  for (const Conn conn : ended) sockets->close(conn);
  return !(sends.empty() && deliveries.empty() && ended.empty());
}

void ZmqHub::Impl::remember(const HubCore::Delivery& delivery) {
  if (const auto* up = std::get_if<LinkUp>(&delivery.message)) {
    const auto* dialled = std::get_if<DialId>(&up->from);
    const auto known = dialled != nullptr ? diallers.find(*dialled) : diallers.end();
    const auto heard = dialled == nullptr ? listeners.find(std::get<ListenerId>(up->from)) : listeners.end();
    const Conn conn = known != diallers.end() ? known->second : heard != listeners.end() ? heard->second : 0;
    largest_frame[up->link] = sockets->largest_frame(conn);
  } else if (const auto* down = std::get_if<LinkDown>(&delivery.message)) {
    largest_frame.erase(down->link);
  }
}

/// A message that the peer would not take must not cost the link, nor the next replica's.
Status ZmqHub::Impl::check_size(LinkId link, const wire::Message& message) const {
  const auto known = largest_frame.find(link);
  if (known == largest_frame.end()) return {};
  std::size_t total = message.body.size(), largest = total;
  for (const Tensor& tensor : message.tensors) {
    total += tensor.data.size();
    largest = std::max(largest, tensor.data.size());
  }
  if (largest <= known->second && total <= wire::kMaxMessageBytes) return {};
  return fail(Errc::payload_too_large,
              fmt::format("a message of {} bytes in parts of up to {} does not go over this link: at most {} and {}",
                          total, largest, wire::kMaxMessageBytes, known->second));
}

void ZmqHub::Impl::send_all(std::vector<HubCore::Send>& sends) {
  for (auto& send : sends) {
    const auto frames = wire::to_frames(send.message);
    const Status sent = frames ? sockets->send(send.conn, send.route, *frames) : tl::make_unexpected(frames.error());
    if (sent) continue;
    const std::lock_guard lock(mutex);
    core.on_unsent(send.conn, send.route, sent.error());
  }
}

ZmqHub::ZmqHub(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Expected<std::unique_ptr<ZmqHub>> ZmqHub::start(ZmqHubOptions options) {
  auto sockets = wire::Sockets::open(options.sockets);
  if (!sockets) return tl::make_unexpected(sockets.error());
  auto impl = std::make_unique<Impl>(std::move(options), std::move(*sockets));
  try {
    impl->thread = std::thread{[&on = *impl] { on.run(); }};
  } catch (const std::system_error& e) {
    return fail(Errc::io, std::string{"cannot start the thread of links: "} + e.what());
  }
  pthread_setname_np(impl->thread.native_handle(), "zenith-links");
  return std::unique_ptr<ZmqHub>{new ZmqHub{std::move(impl)}};
}

ZmqHub::~ZmqHub() {
  impl_->with_core([&] {
    impl_->core.leave();
    static_cast<void>(impl_->core.take_deliveries());
    impl_->stopping = true;
  });
  impl_->sockets->wake();
  impl_->thread.join();
}

Expected<ListenerId> ZmqHub::listen(const std::string& endpoint, actors::Ref<LinkMessage> owner) {
  return impl_->with_core([&]() -> Expected<ListenerId> {
    const auto conn = impl_->sockets->listen(endpoint);
    if (!conn) return tl::make_unexpected(conn.error());
    const auto id = impl_->core.listen(*conn, impl_->sockets->bound(*conn), std::move(owner));
    impl_->listeners[id] = *conn;
    return id;
  });
}

std::string ZmqHub::bound(ListenerId listener) const {
  const std::lock_guard lock(impl_->mutex);
  const auto known = impl_->listeners.find(listener);
  return known == impl_->listeners.end() ? std::string{} : impl_->sockets->bound(known->second);
}

Expected<DialId> ZmqHub::dial(const std::string& endpoint, const std::string& server_key,
                              actors::Ref<LinkMessage> owner) {
  return impl_->with_core([&]() -> Expected<DialId> {
    const auto conn = impl_->sockets->dial(endpoint, server_key);
    if (!conn) return tl::make_unexpected(conn.error());
    const auto id = impl_->core.dial(*conn, endpoint, std::move(owner));
    impl_->diallers[id] = *conn;
    return id;
  });
}

void ZmqHub::hang_up(DialId dial) {
  impl_->with_core([&] {
    impl_->core.hang_up(dial);
    if (const auto known = impl_->diallers.extract(dial)) impl_->closing.push_back(known.mapped());
  });
}

void ZmqHub::close(ListenerId listener) {
  impl_->with_core([&] {
    impl_->core.close(listener);
    if (const auto known = impl_->listeners.extract(listener)) impl_->closing.push_back(known.mapped());
  });
}

Status ZmqHub::send(LinkId link, wire::Message message, Lane) {
  return impl_->with_core([&]() -> Status {
    if (auto ok = impl_->check_size(link, message); !ok) return ok;
    return impl_->core.send(link, std::move(message));
  });
}

void ZmqHub::reset(LinkId link, Error why) {
  impl_->with_core([&] { impl_->core.reset(link, std::move(why)); });
}

std::vector<LinkStatus> ZmqHub::status() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->core.status();
}

ZmqHub::Counters ZmqHub::counters() const {
  const std::lock_guard lock(impl_->mutex);
  return {impl_->core.counters(), impl_->socket_counters};
}

}  // namespace zenith::links
