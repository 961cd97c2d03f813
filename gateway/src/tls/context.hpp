// The server's side of TLS: what it shows to clients and what it accepts from them. OpenSSL stays behind src/tls/.
#pragma once

#include <memory>

#include "tls/session.hpp"
#include "zenith/core/error.hpp"
#include "zenith/gateway/server.hpp"

namespace zenith::gateway {

/// TLS 1.2 and 1.3 with forward secrecy and authenticated ciphers only, ALPN http/1.1, no renegotiation, no
/// compression. Immutable: a new certificate is a new context; sessions of the old one go on.
class TlsContext {
 public:
  /// Reads both files. An expired certificate, one that is not valid yet, and a key that every user may read are
  /// warnings in the log.
  /// @returns bad_file (io when it cannot be read) naming the configuration key, the file and the reason.
  static Expected<std::shared_ptr<const TlsContext>> load(const TlsFiles& files);
  virtual ~TlsContext() = default;
  virtual std::unique_ptr<TlsSession> open() const = 0;
};

}  // namespace zenith::gateway
