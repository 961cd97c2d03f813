// The part of a request that travels in the wire's header.
#pragma once

#include "zenith/core/clock.hpp"
#include "zenith/core/error.hpp"
#include "zenith/messages/request.hpp"
#include "zenith/wire/header.hpp"

namespace zenith::links {

wire::Header write_request_header(const messages::Header& header, Instant now);
Expected<messages::Header> read_request_header(const wire::Header& header, Instant now);

}  // namespace zenith::links
