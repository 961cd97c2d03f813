// Finished requests to an OTLP/HTTP collector, from a thread of its own.
#pragma once

#include <memory>
#include <string>

#include "api/otlp.hpp"
#include "zenith/core/clock.hpp"
#include "zenith/core/metrics.hpp"

namespace zenith::gateway {

/// Any thread. A request never waits for it: what does not fit the queue, or is not taken by the collector, is dropped
/// and counted (zenith_trace_spans_dropped_total; …_exported_total).
class TraceExporter {
 public:
  static constexpr std::size_t kQueue = 4096;  ///< spans that wait
  static constexpr std::size_t kBatch = 512;   ///< spans of one POST, a request's own aside

  virtual ~TraceExporter() = default;  ///< sends what waits, for at most two seconds
  virtual void take(TraceRecord record) = 0;
};

/// @param endpoint the whole URL: http://127.0.0.1:4318/v1/traces. clock and metrics outlive it.
std::unique_ptr<TraceExporter> make_trace_exporter(std::string endpoint, std::string version, const Clock& clock,
                                                   Metrics& metrics);

}  // namespace zenith::gateway
