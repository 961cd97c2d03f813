#include "api/otlp.hpp"

#include <algorithm>
#include <map>
#include <span>

#include "api/receipt.hpp"
#include "json/write.hpp"
#include "zenith/core/utf8.hpp"

namespace zenith::gateway {
namespace {

using messages::Hop;

enum class Kind : std::uint8_t { server = 2, client = 3 };  // of trace.proto
constexpr int kStatusError = 2;

std::string hex(std::span<const std::uint8_t> bytes) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (const auto byte : bytes) {
    out.push_back(kHex[byte >> 4]);
    out.push_back(kHex[byte & 15]);
  }
  return out;
}

bool is_set(std::span<const std::uint8_t> id) {
  return std::any_of(id.begin(), id.end(), [](std::uint8_t b) { return b != 0; });
}

/// Answered by a service, which then has a span of its own.
bool answered(const Hop& hop) noexcept { return !hop.error && !hop.service.empty() && hop.name != "fetch"; }

class Writer {
 public:
  explicit Writer(std::int64_t offset) : offset_(offset) {}

  void attribute(std::string_view key, std::string_view value) {
    w_.begin_object().key("key").string(key).key("value").begin_object();
    w_.key("stringValue").string(utf8_lossy(value)).end_object().end_object();
  }
  void attribute(std::string_view key, std::uint64_t value) {  // int64 are strings in JSON
    w_.begin_object().key("key").string(key).key("value").begin_object();
    w_.key("intValue").string(std::to_string(value)).end_object().end_object();
  }

  /// Up to and with the opening of its attributes.
  void begin_span(const messages::TraceContext& own, std::span<const std::uint8_t> parent, std::string_view name,
                  Kind kind, Instant begun, Instant ended) {
    w_.begin_object().key("traceId").string(hex(own.trace_id)).key("spanId").string(hex(own.span_id));
    if (is_set(parent)) w_.key("parentSpanId").string(hex(parent));
    w_.key("name").string(utf8_lossy(name)).key("kind").integer(static_cast<int>(kind));
    w_.key("startTimeUnixNano").string(time(begun)).key("endTimeUnixNano").string(time(std::max(begun, ended)));
    w_.key("attributes").begin_array();
  }
  void end_span(std::string_view error = {}) {
    w_.end_array().key("status").begin_object();
    if (!error.empty()) w_.key("code").integer(kStatusError).key("message").string(utf8_lossy(error));
    w_.end_object().end_object();
  }

  JsonWriter& json() { return w_; }

 private:
  std::string time(Instant at) const { return std::to_string(offset_ + at.time_since_epoch().count()); }
  JsonWriter w_;
  std::int64_t offset_;
};

void write_request(Writer& out, const TraceRecord& record) {
  out.begin_span(record.root, record.parent, record.name, Kind::server, record.begun, record.ended);
  out.attribute("http.response.status_code", static_cast<std::uint64_t>(record.status));
  out.attribute("zenith.request_id", record.request_id);
  out.end_span(record.status >= 500 ? "status " + std::to_string(record.status) : "");
}

void write_about(Writer& out, const Hop& hop) {
  out.attribute("zenith.service", hop.service);
  if (!hop.model.empty()) out.attribute("zenith.model", hop.model);
  if (hop.generation.value != 0) out.attribute("zenith.generation", generation_text(hop.generation));
}

void write_hop(Writer& out, const TraceRecord& record, const Hop& hop) {
  out.begin_span(hop.trace, record.root.span_id, hop.name, Kind::client, hop.begun, hop.ended);
  write_about(out, hop);
  out.attribute("zenith.attempt", std::uint64_t{hop.attempt});
  out.attribute("zenith.transfer_us", transfer_us(hop));
  out.attribute("zenith.bytes", hop.spent.bytes);
  out.attribute("zenith.copies", std::uint64_t{hop.spent.copies});
  out.end_span(hop.error ? hop.error->message : std::string{});
}

/// The service said how long, not when: the way there and the way back are taken for equally long.
void write_work(Writer& out, const Hop& hop) {
  const auto inside = std::chrono::microseconds{std::uint64_t{hop.spent.queue_us} + hop.spent.compute_us};
  const Instant begun = hop.begun + std::chrono::microseconds{transfer_us(hop) / 2};
  messages::TraceContext own = hop.trace;
  own.span_id = messages::span_below(hop.trace.span_id, 0);
  out.begin_span(own, hop.trace.span_id, hop.name + " work", Kind::server, begun, std::min(hop.ended, begun + inside));
  write_about(out, hop);
  out.attribute("zenith.queue_us", std::uint64_t{hop.spent.queue_us});
  out.attribute("zenith.compute_us", std::uint64_t{hop.spent.compute_us});
  if (hop.prompt_tokens + hop.completion_tokens > 0) {
    out.attribute("gen_ai.usage.input_tokens", std::uint64_t{hop.prompt_tokens});
    out.attribute("gen_ai.usage.output_tokens", std::uint64_t{hop.completion_tokens});
  }
  out.end_span();
}

template <class Spans>
void write_resource(Writer& out, const std::string& instance, const std::string& version, Spans spans) {
  auto& w = out.json();
  w.begin_object().key("resource").begin_object().key("attributes").begin_array();
  out.attribute("service.name", "zenith");
  out.attribute("service.instance.id", instance);
  out.attribute("service.version", version);
  w.end_array().end_object().key("scopeSpans").begin_array().begin_object();
  w.key("scope").begin_object().key("name").string("zenith").end_object().key("spans").begin_array();
  spans();
  w.end_array().end_object().end_array().end_object();
}

}  // namespace

std::size_t spans_of(const TraceRecord& record) noexcept {
  std::size_t count = 1;
  for (const auto& hop : record.hops) count += answered(hop) ? 2 : 1;
  return count;
}

std::string otlp_json(const std::vector<TraceRecord>& records, std::int64_t unix_ns_at_zero,
                      const std::string& version) {
  Writer out{unix_ns_at_zero};
  std::map<std::string, std::vector<const Hop*>> by_service;
  out.json().begin_object().key("resourceSpans").begin_array();
  write_resource(out, "gateway", version, [&] {
    for (const auto& record : records) {
      write_request(out, record);
      for (const auto& hop : record.hops) {
        write_hop(out, record, hop);
        if (answered(hop)) by_service[hop.service].push_back(&hop);
      }
    }
  });
  for (const auto& [service, hops] : by_service) {
    write_resource(out, service, version, [&, &all = hops] {
      for (const auto* hop : all) write_work(out, *hop);
    });
  }
  out.json().end_array().end_object();
  return out.json().take();
}

}  // namespace zenith::gateway
