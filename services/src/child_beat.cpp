#include "zenith/services/child_beat.hpp"

#include <unistd.h>

#include <cstdint>
#include <ctime>

namespace zenith::services {

void beat_until(const sigset_t& stop, int fd, const std::function<bool()>& alive) {
  constexpr timespec kPause{0, 500'000'000};
  for (;;) {
    const std::uint64_t one = 1;
    // A full counter is a parent that does not look: it will not miss this one.
    if (fd >= 0 && alive()) static_cast<void>(!write(fd, &one, sizeof one));
    const int signal_number = fd >= 0 ? sigtimedwait(&stop, nullptr, &kPause) : sigwaitinfo(&stop, nullptr);
    if (signal_number > 0) return;
  }
}

}  // namespace zenith::services
