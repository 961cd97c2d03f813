// What keeps a web page of somebody else from using this server through its visitor's browser.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.hpp"

namespace zenith::gateway {

struct BrowserPolicy {
  bool check_host =
      false;  ///< loopback without keys: only names of this machine (a rebound DNS name would pass as same-origin)
  std::string listen_host;
  std::vector<std::string> cors_origins;

  /// Why the request is refused (403), or nothing.
  std::optional<std::string> refuse(const HttpRequest& request) const;
  /// The Access-Control-Allow-Origin value for this request, or nothing.
  std::optional<std::string> allowed_origin(const HttpRequest& request) const;
};

/// "localhost:8080" → "localhost", "[::1]:80" → "::1".
std::string_view host_without_port(std::string_view host) noexcept;
bool is_loopback_name(std::string_view host) noexcept;

}  // namespace zenith::gateway
