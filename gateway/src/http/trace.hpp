// W3C trace context, version 00.  Source: https://www.w3.org/TR/trace-context/
#pragma once

#include <string>
#include <string_view>

#include "zenith/messages/request.hpp"

namespace zenith::gateway {

/// All zero when the header is malformed, as the standard asks.
messages::TraceContext parse_traceparent(std::string_view header) noexcept;
std::string render_traceparent(const messages::TraceContext& trace);
bool has_trace(const messages::TraceContext& trace) noexcept;

}  // namespace zenith::gateway
