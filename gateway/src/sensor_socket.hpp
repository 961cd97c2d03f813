// A WebSocket at /v1/sensors/{id}/frames: the handshake is the request, frames go out, nothing comes in.
#pragma once

#include "socket_session.hpp"

namespace zenith::gateway {

extern const SocketKind kSensorSocket;

}  // namespace zenith::gateway
