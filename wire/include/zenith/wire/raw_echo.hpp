// Plain libzmq, as bare as can be: what links are measured against (`zenith bench wire`).
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "zenith/core/error.hpp"
#include "zenith/core/tensor.hpp"
#include "zenith/wire/curve.hpp"

namespace zenith::wire {

/// CURVE for both sides; every client is let in: for a measurement on this machine.
using RawKeys = std::optional<KeyPair>;

/// One libzmq context; needed as such only where both sides are in one process (inproc://).
using RawContext = std::shared_ptr<void>;
RawContext make_raw_context();

/// A ROUTER in a thread of its own that sends back what comes.
class RawEcho {
 public:
  static Expected<std::unique_ptr<RawEcho>> start(RawContext context, const std::string& endpoint, const RawKeys& keys);
  ~RawEcho();
  const std::string& endpoint() const noexcept { return endpoint_; }  ///< with its real port

 private:
  RawEcho() = default;
  struct Impl;
  std::unique_ptr<Impl> impl_;
  std::string endpoint_;
};

/// A DEALER that is used by the calling thread.
class RawClient {
 public:
  static Expected<std::unique_ptr<RawClient>> open(RawContext context, const std::string& endpoint,
                                                   const RawKeys& keys);
  ~RawClient();
  /// Sends `payload` `count` times, `window` of them on the way. @returns µs a request: each one's round trip for a
  /// window of 1, else their mean alone.
  Expected<std::vector<double>> run(std::size_t count, std::size_t window, const Buffer& payload);

 private:
  RawClient() = default;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace zenith::wire
