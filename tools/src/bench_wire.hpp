// Round trips over links beside the same over plain libzmq, interleaved, both sides on one core.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "zenith/core/error.hpp"

namespace zenith::tools {

struct WireBench {
  std::string transport = "ipc";  ///< inproc, ipc, shm, tcp
  std::size_t bytes = 4096;
  std::size_t window = 1;         ///< requests on the way at once
  std::size_t iterations = 2000;  ///< of each side
};

struct WireBenchResult {
  double p50_us = 0, p99_us = 0, min_us = 0;
  double raw_p50_us = 0, raw_p99_us = 0, raw_min_us = 0;
  double floor_p50_us = 0;  ///< of shm: raw libzmq with the 64 bytes of a descriptor alone, else 0
  std::size_t samples = 0;
  int cpu = -1;          ///< both sides were pinned to it
  std::string measured;  ///< what a sample is, in words
};

/// Starts its own peer process (a copy of this program). Must be called before the process has threads.
/// @returns invalid_argument (transport), io.
Expected<WireBenchResult> bench_wire(const WireBench& bench);

/// The peer: writes its endpoints to stdout and echoes until its parent dies.
Status serve_wire_bench(const WireBench& bench, const std::string& folder);

}  // namespace zenith::tools
