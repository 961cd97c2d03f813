// Which picture is read next: a bounded line, one at a time, without those that nobody waits for.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>

#include "zenith/actors/protocol.hpp"

namespace zenith::services {

/// Plain state; one thread.
class VisionCore {
 public:
  /// @param queue calls that may wait.
  explicit VisionCore(std::size_t queue) : queue_(queue) {}

  /// Takes the call, or answers it: overloaded when the line is full.
  void arrive(actors::ReadImageCall call);
  /// The one to read now, in the order of arrival; nothing while another is being read.
  std::optional<actors::ReadImageCall> next();
  void done() noexcept { busy_ = false; }

  std::size_t waiting() const noexcept { return line_.size(); }
  bool busy() const noexcept { return busy_; }

 private:
  void leave_out_given_up();
  std::size_t queue_;
  std::deque<actors::ReadImageCall> line_;
  bool busy_ = false;
};

}  // namespace zenith::services
