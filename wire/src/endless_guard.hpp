// libzmq keeps the frames of a message until its last one has come, however many come: here the connection of a message
// that does not end is found and cut.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>

#include "zenith/core/clock.hpp"
#include "zenith/core/error.hpp"

namespace zenith::wire {

/// Watches the descriptors of connections. What the heap grows by while bytes come over a connection, and no message
/// has ended there, is held against it. One thread.
class EndlessGuard {
 public:
  static Expected<EndlessGuard> open(std::size_t most);
  EndlessGuard(EndlessGuard&& other) noexcept;
  EndlessGuard& operator=(EndlessGuard&&) = delete;
  ~EndlessGuard();

  void opened(int descriptor, std::uint64_t owner);
  void closed(int descriptor, std::uint64_t owner);
  void message_ended(int descriptor) {
    if (const auto peer = peers_.find(descriptor); peer != peers_.end()) peer->second.ended = true;
  }

  int fd() const noexcept { return epoll_; }  ///< readable: call on_readable()
  void on_readable(Instant now);
  std::optional<Instant> next_look() const noexcept { return look_at_ ? look_at_ : trim_at_; }
  /// @param cut is told the owner and the bytes of each connection that was cut.
  void look(Instant now, const std::function<void(std::uint64_t, std::size_t)>& cut);

 private:
  struct Peer {
    std::uint64_t owner = 0, cookie = 0;  ///< the cookie: a descriptor may be used again before its end is told
    bool came = false, ended = false;     ///< since the last look
    std::size_t held = 0;
  };
  EndlessGuard(std::size_t most, int epoll) : most_(most), epoll_(epoll) {}

  std::size_t most_;
  int epoll_;
  std::unordered_map<int, Peer> peers_;  // by descriptor
  std::optional<Instant> look_at_, trim_at_;
  Instant looked_at_{};
  std::size_t in_use_ = 0;  // of the heap, when it was last looked at
};

}  // namespace zenith::wire
