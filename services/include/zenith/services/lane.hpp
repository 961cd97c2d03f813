// Threads that work for actors: the one compute lane of the process, and workers for what is slow but not compute.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "zenith/core/config.hpp"
#include "zenith/core/error.hpp"
#include "zenith/kernels/exec.hpp"

namespace zenith::services {

/// One lane computes at a time. Every service keeps at most one job in it, so that a decode step waits for one other
/// job at most.
enum class LanePriority : std::uint8_t { prefill, decode };

class Lane {
 public:
  using Job = std::function<void(kernels::Exec& ex)>;  ///< must not throw
  virtual ~Lane() = default;
  /// Any thread; never blocks. Jobs of one priority run in order; a prefill job is passed over at most four times.
  /// After stop() the job is destroyed unrun.
  virtual void submit(LanePriority priority, Job job) = 0;
  virtual void stop() = 0;  ///< ends after the running job; idempotent
};

/// [lanes] compute, or the cores that this process may use.
int compute_threads(const Config& config);

/// @param threads that compute, >= 1.
std::unique_ptr<Lane> make_lane(int threads);

/// Runs jobs one after another on its own thread: templates and tokenising, loading.
class Worker {
 public:
  using Job = std::function<void()>;  ///< must not throw
  virtual ~Worker() = default;
  /// Any thread; after stop() the job is destroyed unrun. @returns overloaded when too many jobs wait.
  virtual Status submit(Job job) = 0;
  virtual void stop() = 0;  ///< ends after the running job; idempotent
};

/// @param most jobs that wait.
std::unique_ptr<Worker> make_worker(std::string name, std::size_t most = 1024);

}  // namespace zenith::services
