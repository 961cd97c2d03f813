#pragma once

#include <openssl/types.h>

#include <memory>

#include "tls/session.hpp"

namespace zenith::gateway {

/// The server's side of a conversation under `context`, which it keeps alive.
std::unique_ptr<TlsSession> make_openssl_session(SSL_CTX* context);

}  // namespace zenith::gateway
