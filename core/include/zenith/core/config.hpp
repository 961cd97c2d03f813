// Configuration: flag > environment ZENITH_SECTION_KEY > file > default. Every key is documented here, where it is
// defined.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "zenith/core/error.hpp"

namespace zenith {

/// What service.role, and the roles that a process is started with, may be.
inline constexpr std::array<std::string_view, 6> kServedRoles{"gateway", "router", "text", "voice", "vision", "sensor"};
/// "gateway, router, …"
std::string served_roles();
/// @returns unsupported for a role that a later version brings, invalid_argument for any other; the message begins with
/// "is" and lists what there is.
Status check_role(const std::string& role);

/// [server]: the gateway.
struct ServerConfig {
  std::string listen = "127.0.0.1:8080";  ///< listen: host:port
  bool exposed = false;                   ///< exposed: allow an address beyond loopback; needs keys_file
  std::string keys_file;  ///< keys_file: TOML with [[key]] sha256 tenant requests_per_min tokens_per_min
  std::string tls_cert;   ///< tls_cert: PEM file, the certificate and its chain; with tls_key the server speaks TLS
  std::string tls_key;    ///< tls_key: PEM file, the certificate's private key without a password; both or none
  std::vector<std::string> cors_origins;  ///< cors_origins: origins allowed to call from a browser
  std::uint64_t body_bytes = 32u << 20;   ///< body_bytes: largest request body
  std::uint32_t connections = 1024;       ///< connections: open at once
  std::uint32_t drain_s = 30;             ///< drain_s: time for running requests after SIGTERM
  std::uint32_t deadline_s = 600;         ///< deadline_s: longest life of a request
};

/// [models]
struct ModelsConfig {
  std::string dir;                 ///< dir: where models live; default $ZENITH_HOME/models
  std::uint64_t budget_bytes = 0;  ///< budget_bytes: memory for weights, KV and buffers; 0 = 90 % of what is available
  std::uint64_t packed_bytes = 32ull << 30;  ///< packed_bytes: disk for weights as this processor wants them, so that a
                                             ///< start need not pack them; the longest unused go first; 0 = none
};

/// [[service]]: one service of the system; a process runs those whose role (and id) it is started with.
struct ServiceConfig {
  std::string role;                     ///< role: one of kServedRoles
  std::string id;                       ///< id: unique; default role-number
  std::vector<std::string> models;      ///< model: a name or a list of names, for text, voice and vision
  std::uint32_t context = 0;            ///< context: tokens a sequence may have; 0 = the model's own
  std::uint32_t sequences = 64;         ///< sequences: running at once; more wait
  std::uint32_t queue = 256;            ///< queue: waiting at most; more are refused with 429
  std::uint64_t kv_bytes = 1ull << 30;  ///< kv_bytes: memory for keys and values
  std::uint32_t draft_tokens = 5;       ///< draft_tokens: guessed from the context and verified in one pass, at most
                                        ///< 16; the text stays the same, only sooner; 0 = never
  std::string numerics = "fast";        ///< numerics: fast or exact
  std::string endpoint;                 ///< endpoint: where others dial it, ipc://PATH or tcp://HOST:PORT; default
                                        ///< ipc://<links.run_dir>/<id>.sock
  std::string bind;                     ///< bind: where it listens, when that differs (tcp://0.0.0.0:7101)
  std::string start = "at_once";        ///< start: of voice and vision as children of `zenith serve`: at_once, or
                                        ///< first_use: with the first request, which waits for it
  std::string plugin;                   ///< plugin: of a sensor service: a path, or a name in the plugin folders
  std::string options;                  ///< options: of a sensor service: JSON that its plugin gets when it is opened
  std::string instance;                 ///< instance: of a sensor service: what its sensors are called in place of the
                                        ///< id in the plugin's manifest, so that a plugin may run more than once
};

/// [sensors]
struct SensorsConfig {
  std::vector<std::string> dirs;  ///< dirs: folders of plugins, before $ZENITH_HOME/plugins and those installed
  bool load = false;              ///< load: allow POST and DELETE /v1/sensors: who may call the API may run code here
  std::uint32_t window_s = 300;   ///< window_s: how long frames are kept
  std::uint64_t window_bytes = 16u << 20;   ///< window_bytes: of each sensor
  std::uint64_t memory_bytes = 2ull << 30;  ///< memory_bytes: addresses that a plugin's process may have
};

/// [links]: between processes.
struct LinksConfig {
  std::string run_dir;                 ///< run_dir: sockets, locks, shared memory; default $ZENITH_RUN_DIR, else
                                       ///< $XDG_RUNTIME_DIR/zenith, else $ZENITH_HOME/run
  bool allow_mixed_numerics = false;   ///< allow_mixed_numerics: replicas may differ in the last bits
  std::uint64_t shared_bytes = 16384;  ///< shared_bytes: tensors of this size and more go through shared memory between
                                       ///< processes of one host; 0 = never
  std::uint32_t hedge_percent = 5;     ///< hedge_percent: of calls (embeddings, tokens), that a second replica may be
                                       ///< asked when the first is slower than 95 % of them; 0 = never
};

/// [curve]: keys of TCP links. `zenith keys` makes them.
struct CurveConfig {
  std::string dir;    ///< dir: NAME.public and NAME.secret, by service id; default $ZENITH_HOME/curve
  std::string allow;  ///< allow: folder of the public keys that TCP listeners let in; default <dir>/allow
};

/// [lanes]
struct LanesConfig {
  std::uint32_t compute = 0;      ///< compute: threads; 0 = usable cores
  std::uint32_t media_nice = 10;  ///< media_nice: of the threads that read pictures, hear and speak, 0 to 19: 19 gives
                                  ///< way to text the most. docs/adr/0007-media-in-a-child.md has the figures
};

/// [log]
struct LogConfig {
  std::string level = "info";  ///< level: debug, info, warn, error, off
};

/// [trace]
struct TraceConfig {
  std::string endpoint;  ///< endpoint: where spans go, OTLP over HTTP in JSON: http://127.0.0.1:4318/v1/traces; empty:
                         ///< nowhere
};

struct Config {
  ServerConfig server;
  ModelsConfig models;
  std::vector<ServiceConfig> services;  ///< empty in file and flags: all roles, with the default models
  LinksConfig links;
  CurveConfig curve;
  LanesConfig lanes;
  LogConfig log;
  SensorsConfig sensors;
  TraceConfig trace;
  std::map<std::string, std::string> aliases;  ///< [aliases] "gpt-4o-mini" = "smollm2-135m"
};

using Environment = std::function<std::optional<std::string>(const std::string&)>;

/// Defaults, then the file (if any), then the environment. @returns bad_file or invalid_argument naming file, line and
/// key; an unknown key is an error that names the nearest known one.
Expected<Config> load_config(const std::optional<std::filesystem::path>& file, const Environment& environment);

/// As TOML that load_config reads back to the same Config.
std::string to_toml(const Config& config);

/// Where packed weights are kept: below zenith_home(). `zenith models --remove-packed` empties it.
std::filesystem::path packed_folder();

/// $ZENITH_HOME, else ~/.cache/zenith.
std::filesystem::path zenith_home();

}  // namespace zenith
