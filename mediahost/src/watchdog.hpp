// A graph or a codec that never returns cannot be stopped from within its process: the process ends, and who supervises
// it starts another.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "zenith/services/lane.hpp"

namespace zenith::mediahost {

/// How long a job may go without a beat: compute of the whole process, and time. The second is long: a busy machine
/// leaves who gives way little of a core.
struct JobLimits {
  std::chrono::milliseconds compute{120'000}, time{1'800'000};
};

/// The calling thread, and those that it starts from now on, give way to other processes; never less than before.
/// What loads and runs graphs does so; links and actors do not, for they have to answer at once on a busy machine, too.
/// @param nice [lanes] media_nice.
void give_way(int nice) noexcept;

class Watchdog {
 public:
  /// @param nice of the workers' jobs. @param bite called once, from the watching thread, with the worker's name; must
  /// end the process.
  static std::unique_ptr<Watchdog> start(JobLimits limits, int nice,
                                         std::function<void(const std::string& worker)> bite);
  virtual ~Watchdog() = default;
  /// A worker whose jobs are watched; it may outlive this object.
  virtual std::unique_ptr<services::Worker> worker(const std::string& name) = 0;
};

}  // namespace zenith::mediahost
