#include "zenith/services/vision/vision_core.hpp"

#include <fmt/format.h>

namespace zenith::services {

void VisionCore::arrive(actors::ReadImageCall call) {
  leave_out_given_up();
  if (line_.size() >= queue_) {
    call.answer.break_with(Error{Errc::overloaded,
                                 fmt::format("{} pictures wait to be read, the limit: retry later", line_.size()),
                                 {},
                                 std::chrono::seconds(1)});
    return;
  }
  line_.push_back(std::move(call));
}

std::optional<actors::ReadImageCall> VisionCore::next() {
  if (busy_) return std::nullopt;
  leave_out_given_up();
  if (line_.empty()) return std::nullopt;
  auto call = std::move(line_.front());
  line_.pop_front();
  busy_ = true;
  return call;
}

void VisionCore::leave_out_given_up() {
  std::erase_if(line_, [](const auto& call) { return call.answer.kept(); });
}

}  // namespace zenith::services
