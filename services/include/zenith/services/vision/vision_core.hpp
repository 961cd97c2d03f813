// Which picture is read next: a bounded line, one at a time, without those that nobody waits for.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>

#include "zenith/actors/protocol.hpp"
#include "zenith/services/stopwatch.hpp"

namespace zenith::services {

/// Plain state; one thread.
class VisionCore {
 public:
  /// @param queue calls that may wait.
  explicit VisionCore(std::size_t queue) : queue_(queue) {}

  struct Picture {
    actors::ReadImageCall call;
    Stopwatch watch;
  };
  /// Takes the call, or answers it: overloaded when the line is full.
  void arrive(Picture picture);
  /// The one to read now, in the order of arrival; nothing while another is being read.
  std::optional<Picture> next();
  void done() noexcept { busy_ = false; }

  std::size_t waiting() const noexcept { return line_.size(); }
  bool busy() const noexcept { return busy_; }

 private:
  void leave_out_given_up();
  std::size_t queue_;
  std::deque<Picture> line_;
  bool busy_ = false;
};

}  // namespace zenith::services
