// What is wrong with a client's event, in the protocol's words.
#pragma once

#include <string>
#include <tl/expected.hpp>

#include "zenith/core/error.hpp"

namespace zenith::gateway::realtime {

struct Problem {
  std::string type = "invalid_request_error";  ///< or "server_error"
  std::string code, message;
  std::string param{};  ///< "session.audio.input.format"; empty: none
};

template <class T>
using Read = tl::expected<T, Problem>;

inline tl::unexpected<Problem> wrong(std::string code, std::string message, std::string param = {}) {
  return tl::make_unexpected(Problem{"invalid_request_error", std::move(code), std::move(message), std::move(param)});
}

/// An error of a service or of ours.
Problem problem_of(const Error& error);

}  // namespace zenith::gateway::realtime
