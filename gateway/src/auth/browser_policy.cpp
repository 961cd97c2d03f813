#include "auth/browser_policy.hpp"

#include <algorithm>

namespace zenith::gateway {

std::string_view host_without_port(std::string_view host) noexcept {
  if (!host.empty() && host.front() == '[') {
    const auto end = host.find(']');
    return end == std::string_view::npos ? host : host.substr(1, end - 1);
  }
  if (std::count(host.begin(), host.end(), ':') > 1) return host;  // a bare IPv6 address
  return host.substr(0, host.find(':'));
}

bool is_loopback_name(std::string_view host) noexcept {
  if (iequals(host, "localhost") || host == "::1") return true;
  if (host.size() > 10 && iequals(host.substr(host.size() - 10), ".localhost")) return true;
  return host.substr(0, 4) == "127." && host.find_first_not_of("0123456789.") == std::string_view::npos;
}

std::optional<std::string> BrowserPolicy::allowed_origin(const HttpRequest& request) const {
  const auto* origin = request.header("origin");
  if (origin == nullptr) return std::nullopt;
  for (const auto& allowed : cors_origins) {
    if (allowed == "*") return std::string{"*"};
    if (iequals(allowed, *origin)) return *origin;
  }
  return std::nullopt;
}

std::optional<std::string> BrowserPolicy::refuse(const HttpRequest& request) const {
  const auto* host = request.header("host");
  if (check_host && host != nullptr) {
    const auto name = host_without_port(trim(*host));
    if (!is_loopback_name(name) && !iequals(name, listen_host)) {
      return "the Host \"" + *host + "\" is not this machine: use 127.0.0.1 or localhost, or give the server keys";
    }
  }
  const auto* origin = request.header("origin");
  if (!check_host || origin == nullptr || allowed_origin(request)) return std::nullopt;
  const auto scheme = origin->find("://");
  if (scheme != std::string::npos && host != nullptr &&
      iequals(std::string_view{*origin}.substr(scheme + 3), trim(*host))) {
    return std::nullopt;
  }
  return "requests from pages of " + *origin + " are not allowed: add it to cors_origins";
}

}  // namespace zenith::gateway
