// The HTTP and WebSocket server: one thread, every limit explicit.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "zenith/core/effects.hpp"
#include "zenith/core/error.hpp"
#include "zenith/core/metrics.hpp"
#include "zenith/gateway/port.hpp"
#include "zenith/gateway/voice_activity.hpp"

namespace zenith::gateway {

struct Limits {
  std::size_t header_bytes = 16u << 10;
  std::size_t body_bytes = 32u << 20;
  std::size_t connections = 1024;
  std::size_t json_depth = 64;
  std::size_t websocket_message_bytes = 4u << 20;
  std::size_t buffered_bytes_per_client = 1u << 20;  ///< unsent output; beyond it the stream pauses by credit
  std::size_t realtime_buffered_bytes = 256u << 20;  ///< of sound not committed yet, of all conversations together
  std::chrono::seconds handshake_timeout{10};        ///< of TLS
  std::chrono::seconds header_timeout{10}, body_timeout{30}, idle_timeout{75}, write_timeout{30};
  std::chrono::seconds request_deadline{600};           ///< when a request names none
  std::chrono::milliseconds stream_keep_alive{15'000};  ///< a comment goes out after that much silence of a stream
};

/// One line of the keys file.
struct ApiKey {
  std::string sha256_hex;  ///< of the key; the key itself is never stored
  TenantId tenant;
  std::uint32_t requests_per_minute = 0, tokens_per_minute = 0;  ///< 0 = no limit
};

/// [[key]] sha256 tenant requests_per_min tokens_per_min. @returns bad_file naming file, line and field.
Expected<std::vector<ApiKey>> read_keys_file(const std::string& path);

/// PEM: the certificate with its chain, and its private key without a password.
struct TlsFiles {
  std::string cert, key;
};

/// Pictures that requests name by their https: address.
struct FetchOptions {
  std::size_t bytes = 24u << 20;  ///< of one
  std::size_t transfers = 64;     ///< at once, of all clients; more are refused with 429
  std::uint32_t redirects = 3;
  std::chrono::milliseconds connect{5'000}, whole{15'000};
  std::string also_address{};  ///< for tests: this one is connected to though it is not public
  std::string ca_file{};       ///< PEM; empty: the system's certificates
};

struct ServerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 8080;                ///< 0: any free one; see Server::port()
  std::optional<std::vector<ApiKey>> keys;  ///< absent: no key is asked for (loopback only, unless `exposed`)
  std::optional<TlsFiles> tls;              ///< absent: plain HTTP
  bool exposed = false;                     ///< must be set to listen beyond loopback; then keys are required
  std::vector<std::string> cors_origins;    ///< empty: no cross-origin requests
  std::string default_model, default_embedding_model;
  bool load_sensors = false;           ///< POST and DELETE /v1/sensors
  MakeVoiceActivity voice_activity{};  ///< for conversations; empty: /v1/realtime has no server_vad
  std::string trace_endpoint{};        ///< of an OTLP/HTTP collector; empty: spans go nowhere
  Limits limits;
  FetchOptions fetch;
};

class Server {
 public:
  /// Binds and listens; nothing is served before run(). @returns io naming the address ("port 8080 is in use: …"),
  /// invalid_argument for an exposed address without keys, bad_file or io for the certificate and its key.
  static Expected<std::unique_ptr<Server>> listen(ServerOptions options, Port& port, Effects& effects,
                                                  Metrics& metrics);
  virtual ~Server() = default;
  virtual std::uint16_t port() const noexcept = 0;
  virtual void run() = 0;  ///< serves on the calling thread until stop() is done
  /// Any thread: connections from now on get this certificate; those that are open go on.
  /// @returns as listen() does, and then nothing has changed; invalid_argument for a server without TLS.
  virtual Status reload_tls(const TlsFiles& files) = 0;
  /// Any thread: no new work (503 draining, Connection: close; /healthz and /readyz still answer), what runs gets
  /// `drain`, then ends with Errc::draining; then run() returns.
  virtual void stop(std::chrono::milliseconds drain) = 0;
};

}  // namespace zenith::gateway
