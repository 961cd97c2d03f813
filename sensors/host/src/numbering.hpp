// The numbers of a sensor over the lives of its plugin: each life counts from where it likes, readers see one row.
#pragma once

#include <cstdint>
#include <optional>

#include "zenith/services/sensor/child_board.hpp"

namespace zenith::sensorhost {

/// Of one channel. Plain; one thread.
class Numbering {
 public:
  /// @param before what the life before left; nothing for the first. @param rate_hz nominal; 0: irregular.
  Numbering(std::optional<services::ChildBoard::Numbers> before, double rate_hz) : before_(before), rate_hz_(rate_hz) {}

  struct Numbered {
    std::uint64_t seq = 0;
    bool gap = false;  ///< something is missing before it
  };
  /// The next frame: its number as the plugin says (growing), and its time. The first after a life that was lost leaves
  /// room for what its rate says was missed meanwhile, at least one number.
  Numbered next(std::uint64_t plugin_seq, std::int64_t t_ns);

 private:
  std::optional<services::ChildBoard::Numbers> before_;
  double rate_hz_;
  std::optional<std::uint64_t> last_;  ///< the plugin's
  std::uint64_t seq_ = 0;              ///< ours, of that frame
};

}  // namespace zenith::sensorhost
