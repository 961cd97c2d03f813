// Structured log lines on stderr: time, level, component, message, then key=value fields (request ids among them).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

namespace zenith {

enum class LogLevel : std::uint8_t { debug, info, warn, error, off };

/// One key=value of a log line.
struct LogField {
  std::string_view key;
  std::string value;
  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const char* v) : key(k), value(v) {}
  LogField(std::string_view k, double v);
  template <class I>
    requires std::is_integral_v<I>
  LogField(std::string_view k, I v) : key(k), value(std::to_string(v)) {}
};

void set_log_level(LogLevel level) noexcept;
LogLevel log_level() noexcept;

/// Any thread. Values with spaces or quotes are quoted and escaped, control characters too: one event is one line.
void log(LogLevel level, std::string_view component, std::string_view message,
         std::initializer_list<LogField> fields = {});

}  // namespace zenith
