// errno as an Error.
#pragma once

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "zenith/core/error.hpp"

namespace zenith::wire {

/// io: "WHAT: the system's reason". Reads errno.
inline Error system_error(std::string what) {
  const int number = errno;
  return {Errc::io, std::move(what) + ": " + std::generic_category().message(number), {}, {}};
}

}  // namespace zenith::wire
