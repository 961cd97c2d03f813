#include "sandbox.hpp"

#include <seccomp.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <string>
#include <system_error>

namespace zenith::mediahost {
namespace {

struct Release {
  void operator()(void* filter) const { seccomp_release(filter); }
};

constexpr int kRefused[] = {
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(fork),
    SCMP_SYS(vfork),
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(setns),
    SCMP_SYS(unshare),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(reboot),
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(keyctl),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(io_uring_setup),
};

Error refused(const char* what, int code) {
  return {
      Errc::unsupported, std::string{"no seccomp: "} + what + ": " + std::generic_category().message(-code), {}, {}};
}

}  // namespace

Status enter_sandbox(bool network) {
  const std::unique_ptr<void, Release> filter{seccomp_init(SCMP_ACT_ALLOW)};
  if (!filter) return tl::make_unexpected(refused("no filter", -ENOSYS));
  for (const int call : kRefused) {
    const int rc = seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EPERM), call, 0);
    if (rc < 0 && rc != -EDOM) return tl::make_unexpected(refused("rule", rc));
  }
  if (!network) {
    const int rc =
        seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_NE, AF_UNIX));
    if (rc < 0) return tl::make_unexpected(refused("rule", rc));
  }
  if (const int rc = seccomp_load(filter.get()); rc < 0) return tl::make_unexpected(refused("load", rc));
  return {};
}

}  // namespace zenith::mediahost
