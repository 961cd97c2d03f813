#include "zenith/services/vision/vision_core.hpp"

#include <fmt/format.h>

namespace zenith::services {

void VisionCore::arrive(Picture picture) {
  leave_out_given_up();
  if (line_.size() >= queue_) {
    picture.call.answer.break_with(
        Error{Errc::overloaded,
              fmt::format("{} pictures wait to be read, the limit: retry later", line_.size()),
              {},
              std::chrono::seconds(1)});
    return;
  }
  line_.push_back(std::move(picture));
}

std::optional<VisionCore::Picture> VisionCore::next() {
  if (busy_) return std::nullopt;
  leave_out_given_up();
  if (line_.empty()) return std::nullopt;
  auto picture = std::move(line_.front());
  line_.pop_front();
  busy_ = true;
  return picture;
}

void VisionCore::leave_out_given_up() {
  std::erase_if(line_, [](const auto& picture) { return picture.call.answer.kept(); });
}

}  // namespace zenith::services
