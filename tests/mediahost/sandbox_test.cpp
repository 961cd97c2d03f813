// In a child, for what is given up never comes back.
#include "sandbox.hpp"

#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <thread>

namespace zenith::mediahost {
namespace {

/// The exit status of `check` after enter_sandbox, in a process and thread of its own.
int within(bool network, const std::function<int()>& check) {
  const pid_t child = fork();
  if (child == 0) {
    if (!enter_sandbox(network)) _exit(99);
    int result = 98;
    std::thread{[&] { result = check(); }}.join();
    _exit(result);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 97;
}

int opens(int family) { return socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0 ? 0 : errno; }

TEST(sandbox, has_local_sockets_only) {
  EXPECT_EQ(within(false, [] { return opens(AF_UNIX); }), 0);
  EXPECT_EQ(within(false, [] { return opens(AF_INET); }), EPERM);
  EXPECT_EQ(within(false, [] { return opens(AF_INET6); }), EPERM);
  EXPECT_EQ(within(true, [] { return opens(AF_INET); }), 0) << "the graph may be spread over hosts";
}

TEST(sandbox, runs_no_other_program) {
  EXPECT_EQ(within(true,
                   [] {
                     char* const words[] = {const_cast<char*>("true"), nullptr};
                     execv("/bin/true", words);
                     return errno;
                   }),
            EPERM);
  EXPECT_EQ(within(true, [] { return ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0 ? 0 : errno; }), EPERM);
}

}  // namespace
}  // namespace zenith::mediahost
