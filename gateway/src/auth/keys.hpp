// Which key a request came with, and what its tenant may still use.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.hpp"
#include "zenith/core/clock.hpp"
#include "zenith/gateway/server.hpp"

namespace zenith::gateway {

/// Refills evenly to `per_minute`; may be overdrawn, then nothing is granted until the debt is refilled. One thread.
class TokenBucket {
 public:
  TokenBucket(std::uint32_t per_minute, Instant now) : per_minute_(per_minute), level_(per_minute), at_(now) {}
  /// Time until `amount` could be taken; 0 = now. Takes nothing. Always 0 without a limit.
  Duration wait_for(double amount, Instant now);
  void take(double amount, Instant now);

 private:
  void refill(Instant now);
  double per_minute_, level_;
  Instant at_;
};

/// A key with its buckets.
struct KeyState {
  TenantId tenant;
  std::string sha256_hex;
  TokenBucket requests, tokens;
};

class KeyRing {
 public:
  KeyRing(const std::vector<ApiKey>& keys, Instant now);
  /// Compares in constant time with every key. Null when none fits.
  KeyState* find(std::string_view presented) noexcept;

 private:
  std::vector<KeyState> keys_;
};

/// From `Authorization: Bearer K`, `x-api-key: K`, or the WebSocket subprotocol `openai-insecure-api-key.K`.
std::optional<std::string> presented_key(const HttpRequest& request);

/// 64 lower-case hex digits.
std::string sha256_hex(std::string_view text);

}  // namespace zenith::gateway
