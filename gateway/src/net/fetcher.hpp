// Files from the web that clients name, fetched on a thread of its own.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "zenith/core/error.hpp"
#include "zenith/core/tensor.hpp"
#include "zenith/gateway/server.hpp"

namespace zenith::gateway {

/// Any thread. Only https, checked against the system's certificates, without proxies, cookies or compression. Every
/// address is judged when it is connected to, those of redirects as well: what is not public is refused, however a name
/// resolves.
class Fetcher {
 public:
  /// invalid_argument saying why it could not be had; payload_too_large; overloaded; cancelled.
  using Done = std::function<void(Expected<Buffer>)>;
  /// Stops the transfer, if it still runs; Done is called all the same.
  using Cancel = std::function<void()>;

  virtual ~Fetcher() = default;  ///< transfers that run are cancelled
  /// @param done called once, from the fetcher's thread or before this returns; must return at once.
  /// @param traceparent sent as that header; empty: none.
  virtual Cancel fetch(std::string url, Done done, std::string traceparent) = 0;
  Cancel fetch(std::string url, Done done) { return fetch(std::move(url), std::move(done), {}); }
};

/// Its thread starts with the first transfer.
std::unique_ptr<Fetcher> make_fetcher(FetchOptions options);

}  // namespace zenith::gateway
