#include "zenith/wire/sockets.hpp"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <mutex>
#include <unordered_map>

#include "accept.hpp"
#include "endless_guard.hpp"
#include "socket_entry.hpp"
#include "system_error.hpp"
#include "zap.hpp"
#include "zenith/core/log.hpp"

namespace zenith::wire {
namespace {

constexpr int kBurst = 256;                               ///< messages of one socket before the others have their turn
constexpr Duration kSayAgain = std::chrono::seconds(10);  ///< that no descriptor is left

/// What an epoll event names: the connection, and which of its descriptors.
constexpr std::uint64_t kWakeTag = 0, kZapTag = 1, kGuardTag = 2, kFirstConn = 2;
std::uint64_t tag_of(Conn conn, bool monitor) { return conn * 2 + (monitor ? 1 : 0); }

struct Descriptor {
  int fd = -1;
  Descriptor() = default;
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

int wait_milliseconds(std::optional<Instant> until) {
  if (!until) return -1;
  const auto left = *until - SystemClock{}.now();
  if (left <= Duration{0}) return 0;
  const auto rounded = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return static_cast<int>(std::min<std::int64_t>(rounded, 3'600'000));
}

}  // namespace

struct Sockets::Impl {
  SocketOptions options;
  std::vector<Claim>
      retired;            // of closed listeners: libzmq unlinks their sockets later, at the latest with the context
  ContextHandle context;  // outlives the sockets below
  Descriptor epoll, event;
  std::optional<ZapHandler> zap;
  std::optional<EndlessGuard> guard;
  std::unordered_map<Conn, std::unique_ptr<SocketEntry>> entries;
  SocketCounters counters;
  bool any_dirty = false;

  mutable std::mutex mutex;  // of what follows
  Conn last_conn = kFirstConn;
  std::vector<std::unique_ptr<SocketEntry>> arriving;
  std::vector<Conn> leaving;
  struct Known {
    std::string endpoint;
    std::size_t largest_frame = 0;
    bool listener = false;
  };
  std::unordered_map<Conn, Known> places;

  Expected<Conn> add(bool listener, const std::string& endpoint, const std::string& key);
  bool watch(int fd, std::uint64_t tag) const;
  void take_changes();
  void remove(Conn conn);
  std::optional<Instant> resume_paused(std::optional<Instant> until);
  void read_monitor(SocketEntry& entry, SocketEvents& events);
  void on_monitor_event(SocketEntry& entry, const MonitorEvent& event, SocketEvents& events);
  void redial(SocketEntry& entry);
  void out_of_descriptors(SocketEntry& entry);
  void cut_endless();
  int read_messages(SocketEntry& entry, SocketEvents& events, int most = kBurst);  ///< @returns how many
  bool read_message(SocketEntry& entry, SocketEvents& events);
  void tell_failure(SocketEntry& entry, Error why, SocketEvents& events) const;
};

Sockets::Sockets(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Sockets::~Sockets() {
  impl_->take_changes();
  while (!impl_->entries.empty()) impl_->remove(impl_->entries.begin()->first);
}

Expected<std::unique_ptr<Sockets>> Sockets::open(SocketOptions options) {
  hold_descriptor_back();
  auto impl = std::make_unique<Impl>();
  impl->options = std::move(options);
  impl->context.reset(zmq_ctx_new());
  if (!impl->context || zmq_ctx_set(impl->context.get(), ZMQ_IO_THREADS, 2) != 0) {
    return fail(Errc::io, "cannot start ZeroMQ: " + zmq_reason());
  }
  impl->epoll.fd = epoll_create1(EPOLL_CLOEXEC);
  impl->event.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (impl->epoll.fd < 0 || impl->event.fd < 0 || !impl->watch(impl->event.fd, kWakeTag)) {
    return tl::make_unexpected(system_error("cannot wait on sockets"));
  }
  auto guard = EndlessGuard::open(impl->options.unfinished_bytes);
  if (!guard) return tl::make_unexpected(guard.error());
  impl->guard.emplace(std::move(*guard));
  if (!impl->watch(impl->guard->fd(), kGuardTag)) return tl::make_unexpected(system_error("cannot wait on sockets"));
  if (impl->options.keys) {
    if (zmq_has("curve") != 1) return fail(Errc::unsupported, "this libzmq was built without CURVE");
    auto zap = ZapHandler::open(impl->context.get(), impl->options.allow);
    if (!zap) return tl::make_unexpected(zap.error());
    impl->zap.emplace(std::move(*zap));
    impl->zap->answer();  // a pipe signals only to who has found it empty
    if (!impl->watch(impl->zap->fd(), kZapTag)) return tl::make_unexpected(system_error("cannot wait on sockets"));
  }
  return std::unique_ptr<Sockets>{new Sockets{std::move(impl)}};
}

Expected<Conn> Sockets::listen(const std::string& endpoint) { return impl_->add(true, endpoint, {}); }

Expected<Conn> Sockets::dial(const std::string& endpoint, const std::string& server_key) {
  return impl_->add(false, endpoint, server_key);
}

void Sockets::close(Conn conn) {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->leaving.push_back(conn);
    impl_->places.erase(conn);
  }
  wake();
}

std::string Sockets::bound(Conn listener) const {
  const std::lock_guard lock(impl_->mutex);
  const auto one = impl_->places.find(listener);
  return one != impl_->places.end() && one->second.listener ? one->second.endpoint : std::string{};
}

std::string Sockets::endpoint(Conn conn) const {
  const std::lock_guard lock(impl_->mutex);
  const auto one = impl_->places.find(conn);
  return one == impl_->places.end() ? std::string{} : one->second.endpoint;
}

std::size_t Sockets::largest_frame(Conn conn) const {
  const std::lock_guard lock(impl_->mutex);
  const auto one = impl_->places.find(conn);
  return one == impl_->places.end() ? 0 : one->second.largest_frame;
}

void Sockets::wake() { eventfd_write(impl_->event.fd, 1); }

const SocketCounters& Sockets::counters() const noexcept { return impl_->counters; }

Status Sockets::send(Conn conn, std::string_view route, std::span<const Buffer> frames) {
  impl_->take_changes();
  const auto known = impl_->entries.find(conn);
  if (known == impl_->entries.end()) return fail(Errc::unavailable, "the socket is closed");
  SocketEntry& entry = *known->second;
  const std::size_t most = entry.tcp ? impl_->options.tcp_frame_bytes : impl_->options.ipc_frame_bytes;
  for (const Buffer& frame : frames) {
    if (frame.size() > most) {
      return fail(Errc::payload_too_large,
                  fmt::format("{}: a frame of {} bytes is over the limit of {}", entry.endpoint, frame.size(), most));
    }
  }
  const Unsent unsent = entry.unsent_to(std::string{route});
  if (unsent && unsent->load(std::memory_order_relaxed) > impl_->options.unsent_bytes) {
    return fail(Errc::overloaded, fmt::format("{}: more than {} bytes wait for a peer that does not read them",
                                              entry.endpoint, impl_->options.unsent_bytes));
  }
  void* socket = entry.socket.get();
  entry.dirty = impl_->any_dirty = true;  // a send may take the signal of a message that waits
  const auto send_all = [&] {
    int error = entry.listener ? send_copy(socket, route.data(), route.size(), true) : 0;
    for (std::size_t i = 0; error == 0 && i < frames.size(); ++i) {
      error = send_buffer(socket, frames[i], i + 1 < frames.size(), unsent);
    }
    return error;
  };
  int error = send_all();
  if (error == EAGAIN) {  // a connection that was made a moment ago shows only after this
    static_cast<void>(get_int(socket, ZMQ_EVENTS));
    error = send_all();
  }
  if (error == 0) {
    ++impl_->counters.messages_out;
    return {};
  }
  if (error == EAGAIN && entry.listener) {
    return fail(Errc::overloaded, entry.endpoint + ": a peer does not read what it is sent");
  }
  if (error == EAGAIN && entry.connected)
    return fail(Errc::overloaded, entry.endpoint + " does not read what it is sent");
  return fail(Errc::unavailable, entry.endpoint + ": nobody is there");
}

bool Sockets::has_messages(Conn conn) {
  const auto known = impl_->entries.find(conn);
  return known != impl_->entries.end() && (get_int(known->second->socket.get(), ZMQ_EVENTS) & ZMQ_POLLIN) != 0;
}

void Sockets::run_once(std::optional<Instant> until, SocketEvents& events, std::unique_lock<std::mutex>* held) {
  auto& my = *impl_;
  my.take_changes();
  until = my.resume_paused(until);
  if (my.any_dirty) {
    const std::uint64_t before = my.counters.messages_in;
    bool told = false;
    my.any_dirty = false;
    for (auto& [conn, entry] : my.entries) {
      if (std::exchange(entry->fresh, false)) {
        my.read_monitor(*entry, events);
        told = true;
      }
      if (entry->dirty) my.read_messages(*entry, events);
    }
    if (my.any_dirty || told || my.counters.messages_in != before) until = Instant{};  // the caller has something to do
  }
  if (const auto look = my.guard->next_look()) until = std::min(until.value_or(*look), *look);
  std::array<epoll_event, 64> ready;  // NOLINT: filled by epoll_wait
  if (held != nullptr) held->unlock();
  const int count = epoll_wait(my.epoll.fd, ready.data(), ready.size(), wait_milliseconds(until));
  if (held != nullptr) held->lock();
  const auto for_each = [&](bool monitors) {
    for (int i = 0; i < count; ++i) {
      const std::uint64_t tag = ready[static_cast<std::size_t>(i)].data.u64;
      if (tag < tag_of(kFirstConn, false) || (tag % 2 == 1) != monitors) continue;
      const auto entry = my.entries.find(tag / 2);
      if (entry == my.entries.end()) continue;
      if (monitors) {
        my.read_monitor(*entry->second, events);
      } else {
        // A lone message is answered before the next turn looks whether there are more: a look costs system calls.
        SocketEntry& its = *entry->second;
        const int most = its.bursts ? kBurst : 1;
        if (my.read_messages(its, events, most) <= 1) its.bursts = false;
      }
    }
  };
  for (int i = 0; i < count; ++i) {
    const std::uint64_t tag = ready[static_cast<std::size_t>(i)].data.u64;
    if (tag == kWakeTag) {
      eventfd_t value = 0;
      eventfd_read(my.event.fd, &value);
    } else if (tag == kZapTag) {
      my.counters.clients_refused += my.zap->answer();
    } else if (tag == kGuardTag) {
      my.guard->on_readable(SystemClock{}.now());
    }
  }
  for_each(true);  // a connection's begin before its first message
  for_each(false);
  my.cut_endless();
}

Expected<Conn> Sockets::Impl::add(bool listener, const std::string& endpoint, const std::string& key) {
  Conn conn = 0;
  {
    const std::lock_guard lock(mutex);
    conn = ++last_conn;
  }
  auto entry = make_entry(context.get(), options, conn, listener, endpoint, key);
  if (!entry) return tl::make_unexpected(entry.error());
  {
    const std::lock_guard lock(mutex);
    places[conn] = {(*entry)->endpoint, (*entry)->tcp ? options.tcp_frame_bytes : options.ipc_frame_bytes, listener};
    arriving.push_back(std::move(*entry));
  }
  eventfd_write(event.fd, 1);
  return conn;
}

bool Sockets::Impl::watch(int fd, std::uint64_t tag) const {
  epoll_event wanted{};
  wanted.events = EPOLLIN;
  wanted.data.u64 = tag;
  return epoll_ctl(epoll.fd, EPOLL_CTL_ADD, fd, &wanted) == 0;
}

void Sockets::Impl::take_changes() {
  const std::lock_guard lock(mutex);
  for (auto& entry : arriving) {
    const Conn conn = entry->conn;
    watch(entry->fd, tag_of(conn, false));
    watch(entry->monitor_fd, tag_of(conn, true));
    entry->fresh = entry->dirty = any_dirty = true;
    entries.emplace(conn, std::move(entry));
  }
  arriving.clear();
  for (const Conn conn : leaving) remove(conn);
  leaving.clear();
}

void Sockets::Impl::remove(Conn conn) {
  const auto known = entries.find(conn);
  if (known == entries.end()) return;
  SocketEntry& entry = *known->second;
  epoll_ctl(epoll.fd, EPOLL_CTL_DEL, entry.fd, nullptr);
  epoll_ctl(epoll.fd, EPOLL_CTL_DEL, entry.monitor_fd, nullptr);
  zmq_socket_monitor(entry.socket.get(), nullptr, 0);
  if (entry.claim) retired.push_back(std::move(entry.claim));
  entries.erase(known);
}

/// Dials again where that was paused. @returns when to look next.
std::optional<Instant> Sockets::Impl::resume_paused(std::optional<Instant> until) {
  for (auto& [conn, entry] : entries) {
    if (!entry->paused_until) continue;
    if (SystemClock{}.now() >= *entry->paused_until) {
      entry->paused_until.reset();
      redial(*entry);
      if (!entry->paused_until) continue;
    }
    until = std::min(until.value_or(*entry->paused_until), *entry->paused_until);
  }
  return until;
}

void Sockets::Impl::read_monitor(SocketEntry& entry, SocketEvents& events) {
  while (const auto happened = entry.next_event()) on_monitor_event(entry, *happened, events);
}

void Sockets::Impl::on_monitor_event(SocketEntry& entry, const MonitorEvent& happened, SocketEvents& events) {
  switch (happened.event) {
    case ZMQ_EVENT_ACCEPTED:
    case ZMQ_EVENT_CONNECTED: guard->opened(happened.value, entry.conn); return;
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
      entry.connected = true;
      entry.last_failure.clear();
      if (!entry.listener) events.on_connected(entry.conn);
      return;
    case ZMQ_EVENT_DISCONNECTED:
      guard->closed(happened.value, entry.conn);
      if (entry.listener) {
        if (const auto route = entry.forget_route(happened.value)) events.on_peer_gone(entry.conn, *route);
      } else if (std::exchange(entry.connected, false)) {
        read_messages(entry, events);  // what came before the end
        redial(entry);
        events.on_disconnected(entry.conn, {Errc::unavailable, entry.endpoint + ": the connection ended", {}, {}});
      }
      return;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
      ++counters.handshakes_failed;
      if (entry.listener) return;
      entry.paused_until = SystemClock{}.now() + options.reconnect_last;
      if (auto why = handshake_error(entry, happened)) tell_failure(entry, std::move(*why), events);
      return;
    case ZMQ_EVENT_ACCEPT_FAILED:
      if (happened.value == ENFILE) out_of_descriptors(entry);
      return;
    default: return;
  }
}

void Sockets::Impl::tell_failure(SocketEntry& entry, Error why, SocketEvents& events) const {
  if (entry.last_failure == why.message) return;
  entry.last_failure = why.message;
  events.on_disconnected(entry.conn, std::move(why));
}

/// libzmq gives a dial up after what it takes for a fault of the protocol (a refused key, a frame over the limit), and
/// does not say so.
void Sockets::Impl::redial(SocketEntry& entry) {
  static_cast<void>(zmq_disconnect(entry.socket.get(), entry.endpoint.c_str()));
  if (zmq_connect(entry.socket.get(), entry.endpoint.c_str()) != 0) {
    entry.paused_until = SystemClock{}.now() + options.reconnect_last;
  }
}

void Sockets::Impl::out_of_descriptors(SocketEntry& entry) {
  ++counters.accepts_failed;
  const Instant now = SystemClock{}.now();
  if (now < entry.quiet_until) return;
  entry.quiet_until = now + kSayAgain;
  log(LogLevel::error, "wire", "a connection was turned away: no file descriptor is left, raise the limit (ulimit -n)",
      {{"endpoint", entry.endpoint}});
}

void Sockets::Impl::cut_endless() {
  if (!guard->next_look()) return;
  guard->look(SystemClock{}.now(), [this](Conn conn, std::size_t bytes) {
    ++counters.endless;
    const auto known = entries.find(conn);
    log(LogLevel::warn, "wire", "a peer is cut: its message does not end",
        {{"endpoint", known == entries.end() ? std::string{} : known->second->endpoint}, {"bytes", bytes}});
  });
}

int Sockets::Impl::read_messages(SocketEntry& entry, SocketEvents& events, int most) {
  entry.dirty = false;
  int read = 0;
  while (read < most && read_message(entry, events)) ++read;
  if (read > 1) entry.bursts = true;
  if (read == most) entry.dirty = any_dirty = true;
  return read;
}

bool Sockets::Impl::read_message(SocketEntry& entry, SocketEvents& events) {
  std::string route;
  bool more = true;
  if (entry.listener) {
    ReceivedFrame first;
    if (receive_frame(entry.socket.get(), first) != 0) return false;
    const auto bytes = first.bytes();
    route.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    more = zmq_msg_more(&first.msg) != 0;
  }
  std::vector<Buffer> frames;
  frames.reserve(2);
  bool too_many = false, any = false;
  while (more) {
    auto frame = std::make_shared<ReceivedFrame>();
    if (receive_frame(entry.socket.get(), *frame) != 0) {
      if (!any && !entry.listener) return false;
      break;
    }
    if (!any) guard->message_ended(zmq_msg_get(&frame->msg, ZMQ_SRCFD));
    if (!any && entry.listener && !entry.descriptors.contains(route)) {
      read_monitor(entry, events);  // an end that came before this peer's begin may name the same descriptor
      entry.learn_route(route, frame->msg);
    }
    any = true;
    more = zmq_msg_more(&frame->msg) != 0;
    if (frames.size() < kMaxFrames) {
      frames.push_back(to_buffer(std::move(frame)));
    } else {
      too_many = true;
    }
  }
  ++counters.messages_in;
  if (too_many) {
    ++counters.oversized;
    events.on_frames(
        entry.conn, route,
        fail(Errc::bad_frame, fmt::format("{}: a message of more than {} frames", entry.endpoint, kMaxFrames)));
  } else {
    events.on_frames(entry.conn, route, std::move(frames));
  }
  return true;
}

}  // namespace zenith::wire
