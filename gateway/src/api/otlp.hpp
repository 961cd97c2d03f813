// Finished requests as OTLP's JSON.  Source: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding and
// opentelemetry-proto's trace.proto.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "zenith/messages/receipt.hpp"

namespace zenith::gateway {

/// One request that has ended.
struct TraceRecord {
  messages::TraceContext root;           ///< its own span
  std::array<std::uint8_t, 8> parent{};  ///< the client's span; all zero: none
  std::string name, request_id;          ///< "POST /v1/chat/completions"
  Instant begun{}, ended{};
  int status = 0;  ///< of HTTP
  std::vector<messages::Hop> hops;
};

/// How many spans a record becomes: the request's; each hop's as seen from here, and below it the service's own.
std::size_t spans_of(const TraceRecord& record) noexcept;

/// An ExportTraceServiceRequest. Each service is a resource of its own (service.instance.id).
/// @param unix_ns_at_zero the wall clock when the clock of the records was 0.
std::string otlp_json(const std::vector<TraceRecord>& records, std::int64_t unix_ns_at_zero,
                      const std::string& version);

}  // namespace zenith::gateway
