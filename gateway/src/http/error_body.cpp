#include "http/error_body.hpp"

#include <algorithm>

#include "json/write.hpp"
#include "zenith/core/utf8.hpp"

namespace zenith::gateway {
namespace {

std::string_view type_of(int status) noexcept {
  switch (status) {
    case 401: return "authentication_error";
    case 403: return "permission_error";
    case 429: return "rate_limit_error";
    case 501:
    case 505: return "invalid_request_error";
    case 503: return "unavailable_error";
    case 504: return "timeout_error";
    default: return status < 500 ? "invalid_request_error" : "server_error";
  }
}

/// OpenAI's names where clients know one, else ours.
std::string_view code_of(const Error& error) noexcept {
  if (error.code == Errc::context_overflow) return "context_length_exceeded";
  if (error.code == Errc::unauthorized) return "invalid_api_key";
  if (error.code == Errc::rate_limited) return "rate_limit_exceeded";
  if (error.code == Errc::not_found && error.param == "model") return "model_not_found";
  return to_string(error.code);
}

std::string body(std::string_view message, std::string_view type, std::string_view code, std::string_view param) {
  JsonWriter w;
  w.begin_object().key("error").begin_object();
  w.key("message").string(utf8_lossy(message)).key("type").string(type).key("code").string(code).key("param");
  if (param.empty()) {
    w.null();
  } else {
    w.string(utf8_lossy(param));
  }
  w.end_object().end_object();
  return w.take();
}

}  // namespace

int to_http_status(Errc code) noexcept {
  switch (code) {
    case Errc::invalid_argument: return 400;
    case Errc::unsupported: return 400;
    case Errc::context_overflow: return 400;
    case Errc::unauthorized: return 401;
    case Errc::not_found: return 404;
    case Errc::payload_too_large: return 413;
    case Errc::rate_limited: return 429;
    case Errc::overloaded: return 429;
    case Errc::loading: return 503;
    case Errc::unavailable: return 503;
    case Errc::draining: return 503;
    case Errc::deadline: return 504;
    case Errc::cancelled: return 499;
    case Errc::bad_file: return 500;
    case Errc::bad_frame: return 502;
    case Errc::out_of_memory: return 503;
    case Errc::io: return 500;
    case Errc::internal: return 500;
  }
  return 500;
}

std::string error_body(const Error& error) {
  return body(error.message, type_of(to_http_status(error.code)), code_of(error), error.param);
}

HttpReply error_reply(const Error& error) {
  HttpReply reply;
  reply.status = to_http_status(error.code);
  reply.body = error_body(error);
  if (reply.status == 429 || reply.status == 503) {
    const auto seconds = std::max<std::int64_t>(1, (error.retry_after.count() + 999) / 1000);
    reply.headers.emplace_back("Retry-After", std::to_string(seconds));
  }
  if (reply.status == 401) reply.headers.emplace_back("WWW-Authenticate", "Bearer");
  return reply;
}

HttpReply status_reply(int status, std::string_view code, std::string_view message) {
  HttpReply reply;
  reply.status = status;
  reply.body = body(message, type_of(status), code, {});
  if (status == 429 || status == 503) reply.headers.emplace_back("Retry-After", "1");
  return reply;
}

}  // namespace zenith::gateway
