// How much of the machine others used while something was measured.
#pragma once

namespace zenith::tools {

/// Seconds of processor time since boot: everyone's and this process's; and of the clock.
struct ProcessorTime {
  double everyone = 0, ours = 0, wall = 0;
};

ProcessorTime processor_time();

/// The share of the machine's cores that other processes used in between, 0 ... 1.
double busy_between(const ProcessorTime& from, const ProcessorTime& to);

}  // namespace zenith::tools
