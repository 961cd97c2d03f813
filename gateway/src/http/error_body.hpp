// One mapping from our errors to HTTP, in OpenAI's shape.
#pragma once

#include <string>

#include "http/message.hpp"
#include "zenith/core/error.hpp"

namespace zenith::gateway {

/// Exhaustive. 499 (the client went away) is never written to a socket.
int to_http_status(Errc code) noexcept;

/// {"error":{"message","type","code","param"}}
std::string error_body(const Error& error);
/// The body with its status; 429 and 503 carry Retry-After in whole seconds, at least 1.
HttpReply error_reply(const Error& error);
/// For what has no Errc: a status of HTTP itself (405, 415, 431 …).
HttpReply status_reply(int status, std::string_view code, std::string_view message);

}  // namespace zenith::gateway
