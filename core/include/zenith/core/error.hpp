// The one error type. `Expected` inside; each edge (HTTP, actors, C ABI) maps Errc once, by an exhaustive switch.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace zenith {

enum class Errc : std::uint8_t {
  invalid_argument,   ///< a field, flag or value is wrong; Error::param names it
  unsupported,        ///< understood, but not served here (a field, an architecture, a tensor type); param names it
  context_overflow,   ///< the prompt does not fit the model's context; the message has both numbers
  unauthorized,       ///< no key, or a wrong one
  not_found,          ///< no such model, path or file; the message lists what there is
  payload_too_large,  ///< body, header or file over its limit
  rate_limited,       ///< the tenant's quota is used up; Error::retry_after is set
  overloaded,         ///< a queue is full; Error::retry_after is set
  loading,            ///< the model is not ready yet
  unavailable,        ///< a needed service is down; the message names it
  draining,           ///< the server is shutting down and takes no new work
  deadline,           ///< the request's time is over
  cancelled,          ///< the client went away or asked to stop
  bad_file,           ///< a file is truncated, corrupt or lies about itself; the message names tensor or key
  bad_frame,          ///< a peer's message is broken
  out_of_memory,      ///< the ledger refused; the message has the missing number of bytes
  io,                 ///< the operating system refused; the message has its reason
  internal,           ///< a fault of ours
};

/// The enum's name as written, for logs and JSON: "context_overflow".
std::string_view to_string(Errc code) noexcept;

struct Error {
  Errc code = Errc::internal;
  std::string message;                       ///< says what is wrong and what to do; ends without a full stop
  std::string param;                         ///< the field, flag, tensor or key at fault; empty if none
  std::chrono::milliseconds retry_after{0};  ///< for overloaded, rate_limited, loading; 0 = unknown
};

template <class T>
using Expected = tl::expected<T, Error>;
using Status = Expected<void>;

/// `return fail(Errc::bad_file, "tensor 'x' ends at 10, the file at 8", "x");`
inline tl::unexpected<Error> fail(Errc code, std::string message, std::string param = {}) {
  return tl::make_unexpected(Error{code, std::move(message), std::move(param), {}});
}

}  // namespace zenith
