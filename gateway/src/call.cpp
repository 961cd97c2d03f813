#include "call.hpp"

#include <array>
#include <ctime>

#include "api/receipt.hpp"
#include "http/trace.hpp"
#include "zenith/core/log.hpp"

namespace zenith::gateway {
namespace {

/// A client's id goes into headers and logs: only what can do no harm there.
bool usable_request_id(std::string_view id) noexcept {
  return !id.empty() && id.size() <= 128 &&
         id.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") ==
             std::string_view::npos;
}

/// Our span: differs from every other of this process, and is the same when a session is replayed.
std::array<std::uint8_t, 8> span_of(RequestId id, const std::string& epoch) noexcept {
  std::uint64_t x = id.value + 0x9e3779b97f4a7c15ULL * (std::hash<std::string>{}(epoch) | 1);
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  x ^= x >> 31;
  std::array<std::uint8_t, 8> span{};
  for (auto& byte : span) {
    byte = static_cast<std::uint8_t>(x);
    x >>= 8;
  }
  if (span == std::array<std::uint8_t, 8>{}) span[0] = 1;
  return span;
}

/// RFC 9110's form, made once a second.
const std::string& http_date(std::int64_t unix_seconds) {
  thread_local std::int64_t made_for = -1;
  thread_local std::string text;
  if (made_for != unix_seconds) {
    made_for = unix_seconds;
    const std::time_t time = unix_seconds;
    std::tm utc{};
    ::gmtime_r(&time, &utc);
    std::array<char, 40> buffer{};
    text.assign(buffer.data(), std::strftime(buffer.data(), buffer.size(), "%a, %d %b %Y %H:%M:%S GMT", &utc));
  }
  return text;
}

}  // namespace

Call::Call(Gateway& g, HttpRequest r, std::shared_ptr<Outlet> o)
    : gateway(g), request(std::move(r)), started(g.effects.clock().now()), outlet_(std::move(o)) {
  id = gateway.effects.next_request_id();
  const auto* given = request.header("x-request-id");
  request_id =
      given != nullptr && usable_request_id(*given) ? *given : "req-" + gateway.epoch + "-" + std::to_string(id.value);
  if (const auto* parent = request.header("traceparent")) trace = parse_traceparent(*parent);
  if (!has_trace(trace)) return;
  parent_span_ = trace.span_id;
  trace.span_id = span_of(id, gateway.epoch);
}

std::shared_ptr<Call> Call::make(Gateway& gateway, HttpRequest request, std::shared_ptr<Outlet> outlet) {
  return {new Call(gateway, std::move(request), std::move(outlet)), [loop = gateway.loop](Call* call) {
            if (loop->post([call] { delete call; })) return;
            call->orphaned_ = true;
            delete call;
          }};
}

Call::~Call() {
  if (working_) end_work();
  if (!answered_) fail({Errc::internal, "the service dropped the request without an answer", {}, {}});
  outlet_->on_gone = nullptr;
  outlet_->on_written = nullptr;
  // Whoever worked for it has let go: nothing more is written down.
  if (orphaned_ || !counted_ || route == nullptr || !route->work) return;
  gateway.finished({trace, parent_span_, request.method + " " + std::string(route->path), request_id, started, ended_,
                    status_, receipt->hops()});
}

messages::Header Call::header() const {
  messages::Header header;
  header.id = id;
  header.tenant = key != nullptr ? key->tenant : TenantId{};
  header.deadline = Deadline{started + gateway.options.limits.request_deadline};
  header.trace = trace;
  header.receipt = receipt;
  return header;
}

Expected<Value> Call::json() const {
  auto value = parse_json(request.body, {.depth = gateway.options.limits.json_depth});
  if (value && !std::holds_alternative<Value::Object>(value->data)) {
    return zenith::fail(Errc::invalid_argument, "the body must be a JSON object");
  }
  return value;
}

void Call::add_headers(HeaderList& headers) const {
  headers.emplace_back("Date", http_date(gateway.effects.clock().unix_seconds()));
  headers.emplace_back("X-Request-Id", request_id);
  if (has_trace(trace)) headers.emplace_back("traceparent", render_traceparent(trace));
  if (const auto origin = gateway.browsers.allowed_origin(request)) {
    headers.emplace_back("Access-Control-Allow-Origin", *origin);
    headers.emplace_back("Access-Control-Expose-Headers", "X-Request-Id, X-Zenith-Receipt, Retry-After, traceparent");
    if (*origin != "*") headers.emplace_back("Vary", "Origin");
  }
}

void Call::reply(HttpReply reply) {
  if (answered_) return;
  answered_ = true;
  add_headers(reply.headers);
  if (wants_receipt()) add_receipt(reply);
  if (gateway.draining()) reply.close = true;
  done(reply.status);  // before it is sent: who has the answer finds it counted
  outlet_->reply(std::move(reply));
}

bool Call::wants_receipt() const {
  const auto* asked = request.header("x-zenith-receipt");
  return asked != nullptr && *asked == "1" && route != nullptr && route->work;
}

std::string Call::zenith_member(const std::vector<std::string>& path) const {
  const bool wanted = wants_receipt();
  if (!wanted && path.empty()) return {};
  return "\"zenith\":" + zenith_json(path, request_id, wanted ? receipt.get() : nullptr);
}

void Call::add_receipt(HttpReply& reply) const {
  constexpr std::size_t kLongest = 6000;  // clients refuse longer headers
  if (reply.body.empty()) return;
  if (reply.content_type != "application/json") {
    auto text = zenith_json({}, request_id, receipt.get());
    if (text.size() <= kLongest) reply.headers.emplace_back("X-Zenith-Receipt", std::move(text));
  } else if (reply.body.front() == '{' && !has_zenith_) {
    reply.body = with_member(std::move(reply.body), zenith_member());
  }
}

void Call::reply_json(std::string body) {
  HttpReply answer;
  answer.body = std::move(body);
  reply(std::move(answer));
}

void Call::start_stream(std::string content_type, std::string keep_alive) {
  answered_ = true;
  HeaderList headers{{"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}};
  add_headers(headers);
  outlet_->start_stream(200, std::move(headers), std::move(content_type), std::move(keep_alive));
}

void Call::done(int status) {
  if (counted_) return;
  counted_ = true;
  ended_ = gateway.effects.clock().now();
  status_ = status;
  const auto took = ended_ - started;
  gateway.count(route != nullptr ? route->path : "unmatched", status, took);
  const bool fault = status >= 500 && status != 503;  // overload, loading and draining are states, not faults
  if (fault || log_level() <= LogLevel::debug) {
    log(fault ? LogLevel::warn : LogLevel::debug, "gateway", "request",
        {{"id", request_id},
         {"method", request.method},
         {"target", request.target.substr(0, 200)},
         {"status", status},
         {"ms", std::chrono::duration<double, std::milli>(took).count()}});
  }
}

void Call::begin_work() {
  working_ = true;
  const std::weak_ptr<Call> weak = weak_from_this();
  gateway.work_begins(id, [weak](const Error& error) {
    if (const auto self = weak.lock(); self && self->end_work()) {
      self->gateway.port.cancel(self->id);
      self->fail(error);
    }
  });
  outlet_->on_gone = [weak] {
    if (const auto self = weak.lock(); self && self->end_work()) {
      self->gateway.port.cancel(self->id);
      self->answered_ = true;
      self->done(499);
    }
  };
}

bool Call::end_work() {
  if (!working_) return false;
  working_ = false;
  gateway.work_ends(id);
  return true;
}

void Call::use_tokens(double tokens) {
  if (key != nullptr) key->tokens.take(tokens, gateway.effects.clock().now());
}

}  // namespace zenith::gateway
