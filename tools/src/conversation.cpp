#include "conversation.hpp"

#include <utility>

namespace zenith::tools {

void EventQueue::on_event(messages::Event event) {
  {
    const std::lock_guard lock{mutex_};
    events_.push_back(std::move(event));
  }
  ready_.raise();
}

std::vector<messages::Event> EventQueue::take() {
  ready_.clear();
  const std::lock_guard lock{mutex_};
  return std::exchange(events_, {});
}

}  // namespace zenith::tools
