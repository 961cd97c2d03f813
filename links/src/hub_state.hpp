// What HubCore knows of its links, for its two source files.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <unordered_map>

#include "recent.hpp"
#include "zenith/links/hub_core.hpp"

namespace zenith::links {

inline bool ends_request(const wire::Header& header) {
  return header.kind == wire::Kind::reply || header.kind == wire::Kind::error ||
         (header.kind == wire::Kind::event && (header.flags & wire::kLast) != 0);
}

inline Error gone(std::string what) { return Error{Errc::unavailable, std::move(what), {}, std::chrono::seconds(1)}; }
/// Why a link ends whose side here, or there, is done.
inline Error done(std::string what) { return Error{Errc::draining, std::move(what), {}, std::chrono::seconds(1)}; }

// A session that ends soon after it began (a refused announcement) is not begun again at once, for ever.
inline constexpr Duration kFirstHelloAgain = std::chrono::milliseconds(20),
                          kLongestHelloAgain = std::chrono::seconds(1);

// What the owner of a link has been given and still holds; shared with its messages, which end on any thread.
struct Unhandled {
  std::atomic<std::uint32_t> messages{0}, kib{0};
};
struct Handling {
  Handling(std::shared_ptr<Unhandled> of, std::uint32_t size) : all(std::move(of)), kib(size) {
    ++all->messages;
    all->kib += kib;
  }
  ~Handling() {
    --all->messages;
    all->kib -= kib;
  }
  Handling(const Handling&) = delete;
  Handling& operator=(const Handling&) = delete;
  std::shared_ptr<Unhandled> all;
  std::uint32_t kib;
};

inline std::uint32_t kib_of(const wire::Message& message) {
  std::size_t bytes = message.body.size();
  for (const Tensor& tensor : message.tensors) bytes += tensor.data.size();
  return static_cast<std::uint32_t>((bytes + 1023) / 1024);
}

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
  const std::shared_ptr<Unhandled> unhandled = std::make_shared<Unhandled>();
  bool pong_owed = false;
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

}  // namespace zenith::links
