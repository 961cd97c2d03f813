// The rows of config.hpp: one place from which parsing, the environment, nearest names and printing all follow.
#pragma once

#include <array>
#include <limits>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "zenith/core/config.hpp"

namespace zenith::config {

/// Which text a string key takes.
enum class Text : std::uint8_t { any, host_port, log_level, numerics, role, endpoint, start, http_url, name };

template <class Section>
struct Key {
  std::string_view name;
  std::variant<std::string Section::*, bool Section::*, std::uint32_t Section::*, std::uint64_t Section::*,
               std::vector<std::string> Section::*>
      member;
  Text text = Text::any;
  std::uint64_t least = 0;
  std::uint64_t most = std::numeric_limits<std::uint32_t>::max();  ///< of numbers
};

inline constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 50;  ///< a petabyte: anything above is a slip

inline constexpr std::array<Key<ServerConfig>, 10> kServer{{
    {"listen", &ServerConfig::listen, Text::host_port},
    {"exposed", &ServerConfig::exposed},
    {"keys_file", &ServerConfig::keys_file},
    {"tls_cert", &ServerConfig::tls_cert},
    {"tls_key", &ServerConfig::tls_key},
    {"cors_origins", &ServerConfig::cors_origins},
    {"body_bytes", &ServerConfig::body_bytes, Text::any, 1024, std::uint64_t{1} << 32},
    {"connections", &ServerConfig::connections, Text::any, 1, 1u << 20},
    {"drain_s", &ServerConfig::drain_s, Text::any, 0, 3600},
    {"deadline_s", &ServerConfig::deadline_s, Text::any, 1, 86400},
}};

inline constexpr std::array<Key<ModelsConfig>, 3> kModels{{
    {"dir", &ModelsConfig::dir},
    {"budget_bytes", &ModelsConfig::budget_bytes, Text::any, 0, kMostBytes},
    {"packed_bytes", &ModelsConfig::packed_bytes, Text::any, 0, kMostBytes},
}};

inline constexpr std::array<Key<ServiceConfig>, 15> kService{{
    {"role", &ServiceConfig::role, Text::role},
    {"id", &ServiceConfig::id},
    {"model", &ServiceConfig::models},
    {"context", &ServiceConfig::context, Text::any, 0, 1u << 24},
    {"sequences", &ServiceConfig::sequences, Text::any, 1, 65536},
    {"queue", &ServiceConfig::queue, Text::any, 0, 1u << 20},
    {"kv_bytes", &ServiceConfig::kv_bytes, Text::any, 1u << 20, kMostBytes},
    {"draft_tokens", &ServiceConfig::draft_tokens, Text::any, 0, 16},
    {"numerics", &ServiceConfig::numerics, Text::numerics},
    {"endpoint", &ServiceConfig::endpoint, Text::endpoint},
    {"bind", &ServiceConfig::bind, Text::endpoint},
    {"start", &ServiceConfig::start, Text::start},
    {"plugin", &ServiceConfig::plugin},
    {"options", &ServiceConfig::options},
    {"instance", &ServiceConfig::instance, Text::name},
}};

inline constexpr std::array<Key<SensorsConfig>, 5> kSensors{{
    {"dirs", &SensorsConfig::dirs},
    {"load", &SensorsConfig::load},
    {"window_s", &SensorsConfig::window_s, Text::any, 1, 300},
    {"window_bytes", &SensorsConfig::window_bytes, Text::any, 1u << 16, std::uint64_t{1} << 34},
    {"memory_bytes", &SensorsConfig::memory_bytes, Text::any, std::uint64_t{1} << 29, kMostBytes},
}};

inline constexpr std::array<Key<LinksConfig>, 4> kLinks{{
    {"run_dir", &LinksConfig::run_dir},
    {"allow_mixed_numerics", &LinksConfig::allow_mixed_numerics},
    {"shared_bytes", &LinksConfig::shared_bytes, Text::any, 0, std::uint64_t{1} << 32},
    {"hedge_percent", &LinksConfig::hedge_percent, Text::any, 0, 100},
}};

inline constexpr std::array<Key<CurveConfig>, 2> kCurve{{{"dir", &CurveConfig::dir}, {"allow", &CurveConfig::allow}}};

inline constexpr std::array<Key<LanesConfig>, 2> kLanes{{
    {"compute", &LanesConfig::compute, Text::any, 0, 4096},
    {"media_nice", &LanesConfig::media_nice, Text::any, 0, 19},
}};

inline constexpr std::array<Key<LogConfig>, 1> kLog{{{"level", &LogConfig::level, Text::log_level}}};

inline constexpr std::array<Key<TraceConfig>, 1> kTrace{{{"endpoint", &TraceConfig::endpoint, Text::http_url}}};

inline constexpr std::array<std::string_view, 10> kSections{"server", "models", "service", "links",   "curve",
                                                            "lanes",  "log",    "aliases", "sensors", "trace"};

}  // namespace zenith::config
