// One generation through a process's own actor graph: what `zenith run` does for each turn.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "signals.hpp"
#include "zenith/gateway/port.hpp"

namespace zenith::tools {

/// Hands events from the graph's threads to the one that prints.
class EventQueue final : public gateway::EventSink {
 public:
  void on_event(messages::Event event) override;
  std::vector<messages::Event> take();             ///< what has come since; clears the flag
  int fd() const noexcept { return ready_.fd(); }  ///< readable when there is something to take

 private:
  std::mutex mutex_;
  std::vector<messages::Event> events_;
  Event ready_;
};

}  // namespace zenith::tools
