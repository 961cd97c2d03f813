#include "accept.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>

namespace zenith::wire {
namespace {

constexpr int kWithoutSpareMs = 10;

struct Spare {
  std::mutex mutex;
  int fd = -1;
  void take() {
    if (fd < 0) fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  }
};
Spare& spare() {
  static Spare one;
  return one;
}

int system_accept(int listener, sockaddr* address, socklen_t* size, int flags) {
  return static_cast<int>(::syscall(SYS_accept4, listener, address, size, flags));
}

void turn_one_away(int listener) {
  Spare& held = spare();
  const std::lock_guard lock(held.mutex);
  held.take();
  if (held.fd < 0) {  // another thread was quicker: do not turn a core
    ::poll(nullptr, 0, kWithoutSpareMs);
    return;
  }
  ::close(held.fd);
  held.fd = -1;
  if (const int fd = system_accept(listener, nullptr, nullptr, SOCK_CLOEXEC); fd >= 0) ::close(fd);
  held.take();
}

}  // namespace

void hold_descriptor_back() {
  const std::lock_guard lock(spare().mutex);
  spare().take();
}

}  // namespace zenith::wire

extern "C" __attribute__((visibility("default"))) int accept4(int listener, sockaddr* address, socklen_t* size,
                                                              int flags) {
  const int fd = zenith::wire::system_accept(listener, address, size, flags);
  if (fd >= 0 || errno != EMFILE) return fd;
  zenith::wire::turn_one_away(listener);
  errno = ENFILE;
  return -1;
}
