// Cores by affinity and cgroup quota. A container with `--cpus 1.5` on 64 cores may use 2 threads, not 64.
#include <sched.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string>

#include "zenith/kernels/thread_pool.hpp"

namespace zenith::kernels {
namespace {

int cores_by_affinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return std::max(CPU_COUNT(&set), 1);
}

/// Cores that a quota over a period allows, rounded up; 0 = no limit.
int cores_by_quota(double quota, double period) {
  if (!(quota > 0) || !(period > 0)) return 0;
  return std::max(1, static_cast<int>(std::ceil(quota / period - 1e-6)));
}

/// cgroup v2: "max 100000" or "150000 100000".
int quota_v2(const std::string& folder) {
  std::ifstream file{folder + "/cpu.max"};
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max") return 0;
  return cores_by_quota(std::strtod(quota.c_str(), nullptr), period);
}

int quota_v1(const std::string& folder) {
  double quota = 0, period = 0;
  std::ifstream{folder + "/cpu.cfs_quota_us"} >> quota;
  std::ifstream{folder + "/cpu.cfs_period_us"} >> period;
  return cores_by_quota(quota, period);
}

/// The tightest quota from this process's cgroup up to the root. Lines of /proc/self/cgroup: "0::/a/b" (v2),
/// "4:cpu,cpuacct:/a" (v1).
int tightest_quota() {
  int tightest = 0;
  const auto take = [&](int cores) {
    if (cores > 0 && (tightest == 0 || cores < tightest)) tightest = cores;
  };
  std::ifstream file{"/proc/self/cgroup"};
  for (std::string line; std::getline(file, line);) {
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    std::string controllers{','};
    controllers.append(line, first + 1, second - first - 1).push_back(',');
    std::string path = line.substr(second + 1);
    const bool v2 = controllers == ",,";
    if (!v2 && controllers.find(",cpu,") == std::string::npos) continue;
    for (;;) {
      if (path == "/") path.clear();
      take(v2 ? quota_v2("/sys/fs/cgroup" + path) : quota_v1("/sys/fs/cgroup/cpu" + path));
      const auto slash = path.rfind('/');
      if (slash == std::string::npos) break;
      path.resize(slash);
    }
  }
  return tightest;
}

}  // namespace

int usable_cores() {
  const int cores = cores_by_affinity(), quota = tightest_quota();
  return quota > 0 ? std::min(cores, quota) : cores;
}

}  // namespace zenith::kernels
