#include "request_header.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reader.hpp"

namespace zenith::links {

wire::Header write_request_header(const messages::Header& header, Instant now) {
  using std::chrono::duration_cast, std::chrono::microseconds;
  wire::Header out;
  out.kind = wire::Kind::request;
  out.request_id = header.id.value;
  out.tenant = header.tenant.value;
  const auto left = duration_cast<microseconds>(header.deadline.left(now)).count();
  out.budget_us = static_cast<std::uint32_t>(std::min<std::int64_t>(left, wire::kNoDeadline - 1));
  out.priority = static_cast<std::uint8_t>(header.priority);
  out.trace_id = header.trace.trace_id;
  out.span_id = header.trace.span_id;
  out.trace_flags = header.trace.flags;
  return out;
}

Expected<messages::Header> read_request_header(const wire::Header& header, Instant now) {
  if (header.budget_us == wire::kNoDeadline) return bad_body("budget_us", "a request has a deadline");
  if (header.priority > static_cast<std::uint8_t>(messages::Priority::interactive))
    return bad_body("priority", fmt::format("{} is none", header.priority));
  messages::Header out;
  out.id = RequestId{header.request_id};
  out.tenant = TenantId{header.tenant};
  out.deadline = Deadline{now + std::chrono::microseconds{header.budget_us}};
  out.priority = messages::Priority{header.priority};
  out.trace = {header.trace_id, header.span_id, header.trace_flags};
  return out;
}

}  // namespace zenith::links
