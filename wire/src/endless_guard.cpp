#include "endless_guard.hpp"

#include <malloc.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "system_error.hpp"

namespace zenith::wire {
namespace {

constexpr Duration kLookEvery = std::chrono::milliseconds(100);
constexpr Duration kStale = std::chrono::seconds(1);
constexpr Duration kTrimAfter = std::chrono::seconds(1);  ///< a cut: until libzmq has freed what it kept

std::size_t heap_in_use() noexcept {
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

/// Of the socket, never used again; 0: there is none.
std::uint64_t cookie_of(int descriptor) noexcept {
  std::uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  return getsockopt(descriptor, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 ? cookie : 0;
}

/// Told once when bytes wait.
bool arm(int epoll, int descriptor, int how) noexcept {
  epoll_event wanted{};
  wanted.events = EPOLLIN | EPOLLONESHOT;
  wanted.data.fd = descriptor;
  return epoll_ctl(epoll, how, descriptor, &wanted) == 0;
}

}  // namespace

Expected<EndlessGuard> EndlessGuard::open(std::size_t most) {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) return tl::make_unexpected(system_error("cannot watch connections"));
  return EndlessGuard{most, epoll};
}

EndlessGuard::EndlessGuard(EndlessGuard&& other) noexcept
    : most_(other.most_), epoll_(std::exchange(other.epoll_, -1)), peers_(std::move(other.peers_)) {}

EndlessGuard::~EndlessGuard() {
  if (epoll_ >= 0) ::close(epoll_);
}

void EndlessGuard::opened(int descriptor, std::uint64_t owner) {
  const std::uint64_t cookie = cookie_of(descriptor);
  if (cookie == 0) return;
  peers_[descriptor] = {owner, cookie};
  if (!arm(epoll_, descriptor, EPOLL_CTL_ADD)) arm(epoll_, descriptor, EPOLL_CTL_MOD);
}

void EndlessGuard::closed(int descriptor, std::uint64_t owner) {
  const auto peer = peers_.find(descriptor);
  if (peer != peers_.end() && peer->second.owner == owner) peers_.erase(peer);
}

void EndlessGuard::on_readable(Instant now) {
  std::array<epoll_event, 64> ready;  // NOLINT: filled by epoll_wait
  const int count = epoll_wait(epoll_, ready.data(), ready.size(), 0);
  for (int i = 0; i < count; ++i) {
    const auto peer = peers_.find(ready[static_cast<std::size_t>(i)].data.fd);
    if (peer == peers_.end()) continue;
    peer->second.came = true;
    if (look_at_) continue;
    look_at_ = now + kLookEvery;
    if (now - looked_at_ > kStale) in_use_ = heap_in_use();
  }
}

void EndlessGuard::look(Instant now, const std::function<void(std::uint64_t, std::size_t)>& cut) {
  if (trim_at_ && now >= *trim_at_) {
    trim_at_.reset();
    malloc_trim(0);
  }
  if (!look_at_ || now < *look_at_) return;
  look_at_.reset();
  looked_at_ = now;
  const std::size_t before = std::exchange(in_use_, heap_in_use());
  const std::size_t grown = in_use_ > before ? in_use_ - before : 0;
  for (auto it = peers_.begin(); it != peers_.end();) {
    auto& [descriptor, peer] = *it;
    const bool came = std::exchange(peer.came, false), ended = std::exchange(peer.ended, false);
    if (ended) {
      peer.held = 0;
    } else if (came) {
      peer.held += grown;
    }
    if (peer.held > most_ && cookie_of(descriptor) == peer.cookie) {
      ::shutdown(descriptor, SHUT_RDWR);  // libzmq sees it end, and lets go of what it kept
      cut(peer.owner, peer.held);
      trim_at_ = now + kTrimAfter;
      it = peers_.erase(it);
      continue;
    }
    if (came) arm(epoll_, descriptor, EPOLL_CTL_MOD);
    ++it;
  }
}

}  // namespace zenith::wire
