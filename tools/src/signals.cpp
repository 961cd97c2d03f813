#include "signals.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

namespace zenith::tools {

Expected<Signals> Signals::block(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  const int blocked = pthread_sigmask(SIG_BLOCK, &set, nullptr);
  const int fd = blocked == 0 ? signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK) : -1;
  if (fd < 0) {
    return fail(Errc::internal,
                "signals cannot be watched: " + std::generic_category().message(blocked != 0 ? blocked : errno));
  }
  return Signals{fd};
}

Signals::Signals(Signals&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
Signals::~Signals() {
  if (fd_ >= 0) close(fd_);
}

int Signals::take() const {
  signalfd_siginfo info;
  return read(fd_, &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
}

Event::Event() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
Event::~Event() {
  if (fd_ >= 0) close(fd_);
}

void Event::raise() const noexcept {
  const std::uint64_t one = 1;
  // Fails only when the counter is full: then it is raised already.
  [[maybe_unused]] const auto written = write(fd_, &one, sizeof one);
}

void Event::clear() const noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto taken = read(fd_, &count, sizeof count);
}

void die_of(int signal) {
  struct sigaction action{};
  action.sa_handler = SIG_DFL;
  sigaction(signal, &action, nullptr);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  ::raise(signal);
  _exit(128 + signal);
}

}  // namespace zenith::tools
