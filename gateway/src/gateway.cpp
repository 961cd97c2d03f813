#include "gateway.hpp"

#include <fmt/format.h>

#include <cstring>

#include "call.hpp"
#include "http/multipart.hpp"
#include "http/trace.hpp"

namespace zenith::gateway {
namespace {

bool loopback(const std::string& host) { return is_loopback_name(host); }

HttpReply preflight(const HttpRequest& request) {
  HttpReply reply;
  reply.status = 204;
  reply.content_type.clear();
  reply.headers = {{"Access-Control-Allow-Methods", "GET, POST, OPTIONS"}, {"Access-Control-Max-Age", "600"}};
  const auto* wanted = request.header("access-control-request-headers");
  reply.headers.emplace_back(
      "Access-Control-Allow-Headers",
      wanted != nullptr ? *wanted
                        : "Authorization, Content-Type, X-Api-Key, X-Request-Id, X-Zenith-Receipt, traceparent");
  return reply;
}

bool is_json(const HttpRequest& request) {
  const auto* type = request.header("content-type");
  if (type == nullptr) return false;
  return iequals(trim(std::string_view{*type}.substr(0, type->find(';'))), "application/json");
}

std::chrono::milliseconds to_ms(Duration d) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(d) + std::chrono::milliseconds{1};
}

}  // namespace

Gateway::Gateway(ServerOptions o, Port& p, Effects& e, Metrics& m, std::shared_ptr<Loop> l)
    : options(std::move(o)),
      port(p),
      effects(e),
      metrics(m),
      loop(std::move(l)),
      browsers{.check_host = loopback(options.host) && !options.keys,
               .listen_host = options.host,
               .cors_origins = options.cors_origins},
      epoch(fmt::format("{:08x}", static_cast<std::uint32_t>(effects.random_seed()))),
      version(ZENITH_VERSION),
      connections_(metrics.gauge("zenith_http_connections", "Open client connections")),
      fetcher(make_fetcher(options.fetch)) {
  if (!options.trace_endpoint.empty())
    exporter_ = make_trace_exporter(options.trace_endpoint, version, effects.clock(), metrics);
  if (options.keys) keys_.emplace(*options.keys, effects.clock().now());
}

std::shared_ptr<Call> Gateway::open(HttpRequest head, std::shared_ptr<Outlet> outlet) {
  auto call = Call::make(*this, std::move(head), std::move(outlet));
  call->refusal = refuse(*call);
  return call;
}

// The order matters: who may not speak to us learns nothing about what there is.
std::optional<HttpReply> Gateway::refuse(Call& call) {
  const HttpRequest& request = call.request;
  if (const auto why = browsers.refuse(request)) return status_reply(403, "origin_not_allowed", *why);
  auto match = match_route(request.method, request.path);
  if (request.method == "OPTIONS" && (!match.allow.empty() || request.path == "*")) return preflight(request);
  call.route = match.route;
  call.parameter = std::move(match.parameter);
  if (call.route != nullptr && call.route->work && !has_trace(call.trace)) call.trace = new_trace();

  if (keys_ && (call.route == nullptr || call.route->access == Access::key)) {
    const auto key = presented_key(request);
    if (!key) {
      return error_reply(
          {Errc::unauthorized, "no API key: send it as \"Authorization: Bearer KEY\" or \"x-api-key: KEY\"", {}, {}});
    }
    call.key = keys_->find(*key);
    if (call.key == nullptr) return error_reply({Errc::unauthorized, "this API key is not known", {}, {}});
  }
  if (call.route == nullptr) {
    if (match.allow.empty()) {
      return status_reply(404, "not_found",
                          fmt::format("there is no {}: /openapi.json lists what there is", request.path));
    }
    auto reply = status_reply(405, "method_not_allowed", fmt::format("{} takes {}", request.path, match.allow));
    reply.headers.emplace_back("Allow", match.allow);
    return reply;
  }
  if (call.route->body == BodyKind::websocket && !request.upgrade_websocket) {
    auto reply = status_reply(426, "upgrade_required", fmt::format("{} is a WebSocket", request.path));
    reply.headers.emplace_back("Upgrade", "websocket");
    return reply;
  }
  if (call.route->body == BodyKind::json && !is_json(request)) {
    return status_reply(415, "unsupported_media_type",
                        "the body must be JSON: send \"Content-Type: application/json\"");
  }
  const auto* type = request.header("content-type");
  const bool is_form = type != nullptr && is_multipart(*type);
  if (call.route->body == BodyKind::form && !is_form) {
    return status_reply(415, "unsupported_media_type", "the body must be a form: send multipart/form-data");
  }
  if (call.route->body == BodyKind::json_or_form && !is_form && !is_json(request)) {
    return status_reply(415, "unsupported_media_type",
                        "the body must be JSON or a form: send application/json or multipart/form-data");
  }
  if (!call.route->work) return std::nullopt;
  if (draining_) return error_reply({Errc::draining, "the server is shutting down", {}, std::chrono::seconds{5}});
  const bool handshake = call.route->socket != nullptr && request.upgrade_websocket && request.body.empty();
  if (handshake) return std::nullopt;  // a session's requests are counted, each when it comes
  if (const auto ok = take_request(call.key); !ok) return error_reply(ok.error());
  return std::nullopt;
}

Status Gateway::take_request(KeyState* key) {
  if (key == nullptr) return {};
  const auto now = effects.clock().now();
  const auto over = [](const char* what, Duration wait) {
    return tl::make_unexpected(
        Error{Errc::rate_limited, fmt::format("this key's {} per minute are used up", what), {}, to_ms(wait)});
  };
  if (const auto wait = key->requests.wait_for(1, now); wait > Duration{0}) return over("requests", wait);
  if (const auto wait = key->tokens.wait_for(1, now); wait > Duration{0}) return over("tokens", wait);
  key->requests.take(1, now);
  return {};
}

void Gateway::run(const std::shared_ptr<Call>& call) {
  if (call->refusal) return call->reply(std::move(*call->refusal));
  call->route->handler(call);
}

void Gateway::work_begins(RequestId id, std::function<void(const Error&)> abort) {
  work_.emplace(id, std::move(abort));
}

void Gateway::endless_work_begins(RequestId id, std::function<void(const Error&)> abort) {
  endless_.insert(id);
  work_begins(id, std::move(abort));
}

void Gateway::work_ends(RequestId id) {
  work_.erase(id);
  endless_.erase(id);
  if (draining_ && work_.empty() && on_idle_) on_idle_();
}

void Gateway::drain_begins(std::function<void()> on_idle) {
  draining_ = true;
  for (const RequestId id : std::exchange(endless_, {})) {
    if (auto node = work_.extract(id)) node.mapped()({Errc::draining, "the server is shutting down", {}, {}});
  }
  on_idle_ = std::move(on_idle);
  if (work_.empty()) on_idle_();
}

void Gateway::abort_all(const Error& error) {
  while (!work_.empty()) {
    auto node = work_.extract(work_.begin());
    node.mapped()(error);
  }
  if (on_idle_) on_idle_();
}

void Gateway::count(std::string_view route, int status, Duration took) {
  auto at = route_metrics_.find(route);
  if (at == route_metrics_.end()) {
    at = route_metrics_.emplace(std::string(route), RouteMetrics{}).first;
    at->second.duration =
        &metrics.histogram("zenith_http_request_duration_seconds", "From a request's head to its answer's end",
                           latency_bounds_seconds(), {{"route", at->first}});
  }
  Counter*& counter = at->second.by_status[status];
  if (counter == nullptr) {
    counter = &metrics.counter("zenith_http_requests_total", "Requests by route and status",
                               {{"route", at->first}, {"status", std::to_string(status)}});
  }
  counter->add();
  at->second.duration->observe(std::chrono::duration<double>(took).count());
}

messages::TraceContext Gateway::new_trace() {
  messages::TraceContext out;
  if (!exporter_) return out;
  constexpr std::uint8_t kSampled = 1;
  const std::uint64_t halves[] = {effects.random_seed() | 1, effects.random_seed()};
  std::memcpy(out.trace_id.data(), halves, sizeof halves);
  out.span_id = messages::span_below({}, halves[1]);
  out.flags = kSampled;
  return out;
}

void Gateway::finished(TraceRecord record) {
  for (const auto& hop : record.hops) {
    StageMetrics& stage = stage_metrics_[hop.name];
    if (stage.requests == nullptr) {
      const Labels labels{{"stage", hop.name}};
      stage.requests = &metrics.counter("zenith_stage_requests_total", "Attempts at a stage of a request", labels);
      stage.failures = &metrics.counter("zenith_stage_failures_total", "Of those, that gave no answer", labels);
      stage.busy = &metrics.counter("zenith_stage_busy_seconds_total", "What services worked on them", labels);
    }
    stage.requests->add();
    if (hop.error) stage.failures->add();
    stage.busy->add(hop.spent.compute_us / 1e6);
  }
  if (exporter_ && has_trace(record.root) && (record.root.flags & 1) != 0) exporter_->take(std::move(record));
}

void Gateway::connections_changed(std::size_t open) { connections_.set(static_cast<double>(open)); }

}  // namespace zenith::gateway
