// A file that grows by lines and never holds anyone up: lines wait in a bounded queue and are made and written by a
// thread of its own. When the disk refuses or does not keep up, recording ends and everything else goes on.
#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "zenith/core/error.hpp"
#include "zenith/core/metrics.hpp"

namespace zenith::services {

struct RecorderLimits {
  std::size_t lines = 1 << 16, bytes = std::size_t{64} << 20;  ///< that wait to be written
};

/// Any thread.
class Recorder {
 public:
  using Line = std::function<std::string()>;  ///< without its newline; runs on the recorder's thread, must not throw

  /// Creates `path` for its owner alone (0600). metrics must outlive it: zenith_recording_active, …_lines_total,
  /// …_failures_total.
  /// @returns invalid_argument for a file that has content already; io with the system's reason.
  static Expected<std::shared_ptr<Recorder>> create(const std::filesystem::path& path, Metrics& metrics,
                                                    RecorderLimits limits = {});
  ~Recorder();  ///< close() within five seconds

  /// @param bytes about what the line holds while it waits. Returns at once; does nothing after the recording ended.
  void add(std::size_t bytes, Line line);
  /// False once the recording has ended: for callers that would copy for nothing.
  bool active() const noexcept;
  /// Writes what waits and ends the recording; idempotent. A disk that hangs longer than `limit` is left to itself.
  void close(std::chrono::milliseconds limit);

 private:
  struct Shared;
  explicit Recorder(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
  std::shared_ptr<Shared> shared_;  // the thread holds it too
};

}  // namespace zenith::services
