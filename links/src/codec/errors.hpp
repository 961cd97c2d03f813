// An error as the end of a request.
#pragma once

#include "reader.hpp"
#include "writer.hpp"

namespace zenith::links {

wire::Message error_to_wire(RequestId id, const Error& error);

}  // namespace zenith::links
