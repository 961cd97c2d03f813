// What reads pictures, as the vision service sees it. The media module implements it in the process that links its
// libraries; tests put a scripted one here.
#pragma once

#include <functional>
#include <string>

#include "zenith/core/error.hpp"
#include "zenith/core/ids.hpp"
#include "zenith/messages/vision.hpp"

namespace zenith::services {

struct ImageReaderInfo {
  Generation generation;
  std::string architecture;
};

/// One thread at a time.
class ImageReader {
 public:
  virtual ~ImageReader() = default;
  virtual const ImageReaderInfo& info() const noexcept = 0;
  /// @param wanted asked every 100 ms or so; false: nobody waits for the answer any more.
  /// @returns invalid_argument for what is no picture, payload_too_large with the numbers, cancelled.
  virtual Expected<messages::ImageReading> read(const Buffer& image, messages::ReadMode mode,
                                                const std::function<bool()>& wanted) = 0;
};

}  // namespace zenith::services
