// One GET of a running Zenith, for the verbs that show it.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "zenith/core/error.hpp"

namespace zenith::tools {

struct ServerAddress {
  std::string url = "http://127.0.0.1:8080", key, ca_file;
};

struct HttpAnswer {
  long status = 0;
  std::string body;  ///< at most 8 MiB; of an answer that `take` got, empty
};

/// @param take gets the body of a good answer as it comes, until it returns false; empty: the whole answer is returned.
/// @param limit for all of it; 0: none. @returns unavailable naming the url, unauthorized.
Expected<HttpAnswer> http_get(const ServerAddress& server, const std::string& path, std::chrono::milliseconds limit,
                              const std::function<bool(std::string_view)>& take = {});

}  // namespace zenith::tools
