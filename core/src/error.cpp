#include "zenith/core/error.hpp"

namespace zenith {

std::string_view to_string(Errc code) noexcept {
  switch (code) {
    case Errc::invalid_argument: return "invalid_argument";
    case Errc::unsupported: return "unsupported";
    case Errc::context_overflow: return "context_overflow";
    case Errc::unauthorized: return "unauthorized";
    case Errc::not_found: return "not_found";
    case Errc::payload_too_large: return "payload_too_large";
    case Errc::rate_limited: return "rate_limited";
    case Errc::overloaded: return "overloaded";
    case Errc::loading: return "loading";
    case Errc::unavailable: return "unavailable";
    case Errc::draining: return "draining";
    case Errc::deadline: return "deadline";
    case Errc::cancelled: return "cancelled";
    case Errc::bad_file: return "bad_file";
    case Errc::bad_frame: return "bad_frame";
    case Errc::out_of_memory: return "out_of_memory";
    case Errc::io: return "io";
    case Errc::internal: return "internal";
  }
  return "internal";
}

}  // namespace zenith
