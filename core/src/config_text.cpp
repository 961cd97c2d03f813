#include "config_text.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <numeric>
#include <span>

namespace zenith::config {
namespace {

std::string listed(std::span<const std::string_view> names) {
  std::string out;
  for (const auto name : names) out += (out.empty() ? "" : ", ") + std::string{name};
  return out;
}

std::string one_of(const std::string& value, std::span<const std::string_view> allowed) {
  if (std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return {};
  return "is '" + value + "': it must be one of " + listed(allowed);
}

std::string check_host_port(const std::string& value) {
  const std::string wrong = "is '" + value + "': it must be host:port, such as 127.0.0.1:8080 or [::1]:8080";
  const auto colon = value.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == value.size() || value.size() - colon > 6) return wrong;
  const std::string_view port{value.data() + colon + 1, value.size() - colon - 1};
  unsigned number = 0;
  for (const char c : port) {
    if (c < '0' || c > '9') return wrong;
    number = number * 10 + static_cast<unsigned>(c - '0');
  }
  if (number > 65535) return wrong;
  const std::string_view host{value.data(), colon};
  const bool bracketed = host.front() == '[' && host.back() == ']' && host.size() > 2;
  if (!bracketed && host.find_first_of(":[] /") != std::string_view::npos) return wrong;
  return {};
}

std::string check_endpoint(const std::string& value) {
  if (value.empty()) return {};
  if (value.starts_with("ipc://") && value.size() > 6) return {};
  if (value.starts_with("tcp://") && check_host_port(value.substr(6)).empty()) return {};
  return "is '" + value + "': it must be ipc://PATH or tcp://HOST:PORT";
}

std::string check_http_url(const std::string& value) {
  if (value.empty()) return {};
  const auto host = value.find("://") + 3;
  const bool web = value.starts_with("http://") || value.starts_with("https://");
  const bool odd = value.find_first_of(" \t\r\n\\") != std::string::npos;
  if (web && !odd && host < value.size() && value[host] != '/') return {};
  return "is '" + value + "': it must be a whole URL, such as http://127.0.0.1:4318/v1/traces";
}

/// As a plugin's manifest has it.
std::string check_name(const std::string& value) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz", kAll = "abcdefghijklmnopqrstuvwxyz0123456789_-";
  if (value.empty()) return {};
  const bool good = value.size() <= 32 && kLetters.find(value.front()) != std::string_view::npos &&
                    value.find_first_not_of(kAll) == std::string::npos;
  return good ? std::string{}
              : "is '" + value.substr(0, 64) + "': it must be at most 32 of a-z, 0-9, _ and -, the first a letter";
}

constexpr std::array<std::string_view, 5> kLevels{"debug", "info", "warn", "error", "off"};
constexpr std::array<std::string_view, 2> kNumerics{"fast", "exact"}, kStarts{"at_once", "first_use"};

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string check_config_text(Text kind, const std::string& value) {
  switch (kind) {
    case Text::any: return {};
    case Text::host_port: return check_host_port(value);
    case Text::log_level: return one_of(value, kLevels);
    case Text::numerics: return one_of(value, kNumerics);
    case Text::role: {
      const auto ok = check_role(value);
      return ok ? std::string{} : ok.error().message;
    }
    case Text::start: return one_of(value, kStarts);
    case Text::endpoint: return check_endpoint(value);
    case Text::http_url: return check_http_url(value);
    case Text::name: return check_name(value);
  }
  return {};
}

std::string_view nearest(std::string_view name, const std::vector<std::string_view>& candidates) {
  const auto shortened = name.substr(0, 64);
  return *std::min_element(candidates.begin(), candidates.end(), [&](std::string_view a, std::string_view b) {
    return distance(shortened, a) < distance(shortened, b);
  });
}

std::vector<std::string> split_commas(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    auto part = text.substr(0, comma);
    while (!part.empty() && part.front() == ' ') part.remove_prefix(1);
    while (!part.empty() && part.back() == ' ') part.remove_suffix(1);
    if (!part.empty()) parts.emplace_back(part);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return parts;
}

std::string environment_name(std::string_view section, std::string_view key) {
  std::string name = "ZENITH_" + std::string{section} + "_" + std::string{key};
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return name;
}

std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04X", static_cast<unsigned>(byte));
      out += escape;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

}  // namespace zenith::config

namespace zenith {

std::string served_roles() { return config::listed(kServedRoles); }

Status check_role(const std::string& role) {
  if (role == "expert") {
    return fail(Errc::unsupported, "is 'expert': this build does not have that role yet; it serves " + served_roles());
  }
  if (auto wrong = config::one_of(role, kServedRoles); !wrong.empty()) {
    return fail(Errc::invalid_argument, std::move(wrong));
  }
  return {};
}

}  // namespace zenith
