#include "zenith/links/zmq_hub.hpp"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "zenith/actors/after_turn.hpp"
#include "zenith/actors/together.hpp"
#include "zenith/core/log.hpp"

namespace zenith::links {

using wire::Conn;

namespace {
constexpr Duration kSlack = std::chrono::milliseconds(25);  ///< by so much may a ping be late
constexpr Duration kStall = std::chrono::milliseconds(500);
constexpr int kLooks = 2;  ///< of run_once: it reads one message, then the rest
}  // namespace

struct ZmqHub::Impl final : wire::SocketEvents {
  Impl(ZmqHubOptions options, std::unique_ptr<wire::Sockets> opened, std::unique_ptr<wire::SharedMemory> pool)
      : memory(std::move(pool)),
        sockets(std::move(opened)),
        core(std::move(options.me), options.timing, options.limits, clock) {}

  SystemClock clock;
  std::unique_ptr<wire::SharedMemory> memory;  // or none
  std::unique_ptr<wire::Sockets> sockets;
  std::map<Conn, bool> sharing;  // the baton's: whether both ends have the run folder

  /// Who uses the sockets holds it: the I/O thread but for its waits, or a thread that sends meanwhile. Taken before
  /// `mutex`, never waited for by actors.
  std::mutex baton;

  mutable std::mutex mutex;  // of what follows
  HubCore core;
  std::map<ListenerId, Conn> listeners;
  std::map<std::string, Conn> parked;  // ipc sockets whose owner went, by endpoint: libzmq frees their path at its end
  std::map<DialId, Conn> diallers;
  std::map<LinkId, std::size_t> largest_frame;  // that may be sent, of the links that are up
  std::vector<Conn> closing;                    // once what HubCore had to say on them is sent
  wire::SocketCounters socket_counters;
  bool pending = false;  // core may have something to send or to deliver
  bool asleep = false;   // the I/O thread is about to wait, or waits: it needs a wake to look at core
  Instant asleep_until{};
  bool active = false;  // something was sent or came since the I/O thread last slept
  int looks = 0;        // after a stall
  bool stopping = false;

  std::thread thread;

  /// Runs `change` on the core, and sends what came of it.
  template <class Change>
  auto with_core(Change change) {
    std::unique_lock lock(mutex);
    pending = true;
    if constexpr (std::is_void_v<decltype(change())>) {
      change();
      lock.unlock();
      flush();
    } else {
      auto result = change();
      lock.unlock();
      flush();
      return result;
    }
  }
  void flush();
  bool flush_here();

  void remember(const HubCore::Delivery& delivery);
  Status check_size(LinkId link, const wire::Message& message) const;

  bool shares(Conn conn);
  wire::Attach attach_for(Conn conn);
  Status send_one(const HubCore::Send& send);

  void run();
  /// @returns false when there was nothing to do.
  bool turn(std::optional<Instant>& next);
  bool stalled(Instant due, Instant now);
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
    auto message = frames ? wire::from_frames(*frames, attach_for(conn)) : tl::make_unexpected(frames.error());
    const std::lock_guard lock(mutex);
    core.on_frames(conn, route, std::move(message));
  }
};

/// From an actor's thread, which sends at once if it can: the way over the I/O thread costs two switches. If another
/// has the sockets, that one looks again before it leaves them.
void ZmqHub::Impl::flush() {
  while (flush_here()) {
    const std::lock_guard lock(mutex);
    if (!pending) return;
  }
}

/// @returns false: the I/O thread does, or will do, what is pending.
bool ZmqHub::Impl::flush_here() {
  std::unique_lock held(baton, std::try_to_lock);
  std::unique_lock lock(mutex);
  std::vector<HubCore::Send> sends;
  const bool mine = held && !stopping && closing.empty();
  if (mine) {
    sends = core.take_sends();
    pending = false;
  }
  lock.unlock();
  send_all(sends);
  bool wake = !mine;
  for (std::size_t i = 0; i < sends.size() && !wake; ++i) {
    if (i == 0 || sends[i].conn != sends[i - 1].conn) wake = sockets->has_messages(sends[i].conn);
  }
  lock.lock();
  active = true;
  const auto next = core.next_wake();
  wake = wake || core.has_deliveries() || (next && *next + kSlack < asleep_until);
  wake = wake && asleep;
  if (wake) asleep = false;
  lock.unlock();
  if (wake) sockets->wake();
  return mine;
}

void ZmqHub::Impl::run() {
  std::unique_lock held(baton);
  for (;;) {
    std::optional<Instant> next;
    if (turn(next)) continue;
    {
      const std::lock_guard lock(mutex);
      if (stopping) return;
    }
    sockets->run_once(next, *this, &held);
    const std::lock_guard lock(mutex);
    asleep = false;
  }
}

/// After a stall of this process (it was stopped, or had no core) what peers said meanwhile is read before their
/// silence is judged.
bool ZmqHub::Impl::stalled(Instant due, Instant now) {
  if (looks == 0 && now - due < kStall) return false;
  looks = (looks + 1) % (kLooks + 1);
  return looks != 0;
}

/// @returns false when there was nothing to do: `asleep` is set then.
bool ZmqHub::Impl::turn(std::optional<Instant>& next) {
  std::vector<HubCore::Send> sends;
  std::vector<HubCore::Delivery> deliveries;
  std::vector<Conn> ended;
  {
    const std::lock_guard lock(mutex);
    const Instant now = clock.now();
    next = core.next_wake();
    if (next && now >= *next && !stalled(*next, now)) {
      core.on_wake();
      next = core.next_wake();
    }
    sends = core.take_sends();
    deliveries = core.take_deliveries();
    for (const auto& delivery : deliveries) remember(delivery);
    ended = std::exchange(closing, {});
    pending = false;
    socket_counters = sockets->counters();
    const bool idle = sends.empty() && deliveries.empty() && ended.empty();
    if (!idle) active = true;
    if (idle && !stopping) {
      // A sender that makes the next wake a little earlier need not wake this thread for it.
      if (std::exchange(active, false)) next = std::min(next.value_or(now + kSlack), now + kSlack);
      asleep = true;
      asleep_until = next.value_or(Instant::max());
    }
  }
  {
    const actors::Together one_wake;
    for (auto& delivery : deliveries) delivery.to.send(std::move(delivery.message), delivery.urgency);
  }
  send_all(sends);
  for (const Conn conn : ended) {
    sockets->close(conn);
    sharing.erase(conn);
  }
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

/// Who can reach a socket of the run folder has the segments beside it.
bool ZmqHub::Impl::shares(Conn conn) {
  if (memory == nullptr) return false;
  const auto known = sharing.find(conn);
  if (known != sharing.end()) return known->second;
  const auto path = wire::ipc_path(sockets->endpoint(conn));
  return sharing[conn] = path && path->parent_path() == memory->run_dir().path();
}

wire::Attach ZmqHub::Impl::attach_for(Conn conn) {
  if (!shares(conn)) return {};
  return [this](const wire::SharedRef& ref) { return memory->attach(ref); };
}

Status ZmqHub::Impl::send_one(const HubCore::Send& send) {
  std::array<wire::SharedRef, wire::kMaxRows> shared;
  std::size_t count = 0;
  wire::Share share;
  if (!send.message.tensors.empty() && shares(send.conn)) {
    share = [&](const Tensor& tensor) {
      auto ref = memory->share(tensor);
      if (ref && count < shared.size()) shared[count++] = *ref;
      return ref;
    };
  }
  const auto frames = wire::to_frames(send.message, share);
  Status sent = frames ? sockets->send(send.conn, send.route, *frames) : tl::make_unexpected(frames.error());
  if (!sent) {
    for (std::size_t i = 0; i < count; ++i) memory->take_back(shared[i]);
  } else if (send.message.copied) {
    const auto& tensors = send.message.tensors;
    const auto small = std::count_if(tensors.begin(), tensors.end(),
                                     [](const Tensor& t) { return t.data.size() <= wire::kInlineBytes; });
    *send.message.copied += static_cast<std::uint32_t>(count + static_cast<std::size_t>(small));
  }
  return sent;
}

void ZmqHub::Impl::send_all(std::vector<HubCore::Send>& sends) {
  for (auto& send : sends) {
    const Status sent = send_one(send);
    if (sent) continue;
    const std::lock_guard lock(mutex);
    core.on_unsent(send.conn, send.route, sent.error());
  }
}

ZmqHub::ZmqHub(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Expected<std::unique_ptr<ZmqHub>> ZmqHub::start(ZmqHubOptions options) {
  auto sockets = wire::Sockets::open(options.sockets);
  if (!sockets) return tl::make_unexpected(sockets.error());
  std::unique_ptr<wire::SharedMemory> memory;
  if (options.run_dir) {
    auto opened = wire::SharedMemory::open(*options.run_dir, options.shared_memory);
    if (!opened) return tl::make_unexpected(opened.error());
    memory = std::move(*opened);
  }
  auto impl = std::make_shared<Impl>(std::move(options), std::move(*sockets), std::move(memory));
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
    const auto left = impl_->parked.extract(endpoint);
    const auto conn = left ? Expected<Conn>{left.mapped()} : impl_->sockets->listen(endpoint);
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
    const auto known = impl_->listeners.extract(listener);
    if (!known) return;
    const auto endpoint = impl_->sockets->bound(known.mapped());
    if (wire::ipc_path(endpoint)) {
      impl_->parked[endpoint] = known.mapped();
    } else {
      impl_->closing.push_back(known.mapped());
    }
  });
}

Status ZmqHub::send(LinkId link, wire::Message message, Lane) {
  Status taken;
  {
    const std::lock_guard lock(impl_->mutex);
    taken = impl_->check_size(link, message);
    if (taken) taken = impl_->core.send(link, std::move(message));
    impl_->pending = true;
  }
  actors::after_turn(impl_.get(), [weak = std::weak_ptr<Impl>(impl_)] {
    if (const auto impl = weak.lock()) impl->flush();
  });
  return taken;
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
  return {impl_->core.counters(), impl_->socket_counters,
          impl_->memory != nullptr ? impl_->memory->counters() : wire::SharedMemoryCounters{}};
}

std::optional<wire::SharedMemory::Room> ZmqHub::allocate(std::size_t bytes) {
  return impl_->memory != nullptr ? impl_->memory->allocate(bytes) : std::nullopt;
}

}  // namespace zenith::links
