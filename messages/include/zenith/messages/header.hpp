// What every request carries.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "zenith/core/clock.hpp"
#include "zenith/core/ids.hpp"

namespace zenith::messages {

/// W3C trace context; all zero = none.
struct TraceContext {
  std::array<std::uint8_t, 16> trace_id{};
  std::array<std::uint8_t, 8> span_id{};
  std::uint8_t flags = 0;
};

class Receipt;

enum class Priority : std::uint8_t { background, normal, interactive };

/// Every request carries this.
struct Header {
  RequestId id;
  TenantId tenant;
  Deadline deadline;  ///< always finite
  Priority priority = Priority::normal;
  TraceContext trace;                  ///< whose child the work is
  std::shared_ptr<Receipt> receipt{};  ///< where it is written down; null: nowhere. Does not leave the process
};

}  // namespace zenith::messages
