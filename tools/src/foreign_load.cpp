#include "foreign_load.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <string>

namespace zenith::tools {

ProcessorTime processor_time() {
  ProcessorTime time;
  std::ifstream stat{"/proc/stat"};
  std::string label;
  stat >> label;
  // user nice system idle iowait irq softirq steal: all but idle and iowait are use.
  for (int field = 0; field < 8; ++field) {
    double ticks = 0;
    stat >> ticks;
    if (field != 3 && field != 4) time.everyone += ticks;
  }
  time.everyone /= static_cast<double>(sysconf(_SC_CLK_TCK));
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  time.ours = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  time.wall = std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  return time;
}

double busy_between(const ProcessorTime& from, const ProcessorTime& to) {
  const double cores = static_cast<double>(sysconf(_SC_NPROCESSORS_ONLN)) * (to.wall - from.wall);
  if (cores <= 0) return 0;
  return std::clamp(((to.everyone - from.everyone) - (to.ours - from.ours)) / cores, 0.0, 1.0);
}

}  // namespace zenith::tools
