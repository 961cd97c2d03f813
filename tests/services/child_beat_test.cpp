#include "zenith/services/child_beat.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <thread>

namespace zenith::services {
namespace {

/// A sign of life within so many milliseconds.
bool beats(int fd, int ms) {
  pollfd waited{fd, POLLIN, 0};
  if (poll(&waited, 1, ms) <= 0) return false;
  std::uint64_t count = 0;
  return read(fd, &count, sizeof count) == sizeof count && count > 0;
}

TEST(child_beat, falls_silent_when_nobody_answers_and_ends_at_the_signal) {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);
  const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  ASSERT_GE(fd, 0);
  std::atomic<bool> alive{true};
  std::thread child{[&] { beat_until(stop, fd, [&] { return alive.load(); }); }};
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(beats(fd, 10'000));
  alive = false;
  beats(fd, 600);  // one may have been on its way
  EXPECT_FALSE(beats(fd, 1500));
  alive = true;
  EXPECT_TRUE(beats(fd, 10'000));
  pthread_kill(child.native_handle(), SIGUSR1);
  child.join();
  beats(fd, 0);
  EXPECT_FALSE(beats(fd, 700));
  close(fd);
}

}  // namespace
}  // namespace zenith::services
