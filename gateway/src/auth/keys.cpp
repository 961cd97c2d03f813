#include "auth/keys.hpp"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>

namespace zenith::gateway {

void TokenBucket::refill(Instant now) {
  const double seconds = std::chrono::duration<double>(now - at_).count();
  if (seconds > 0) level_ = std::min(per_minute_, level_ + seconds * per_minute_ / 60.0);
  at_ = std::max(at_, now);
}

Duration TokenBucket::wait_for(double amount, Instant now) {
  if (per_minute_ <= 0) return Duration{0};
  refill(now);
  const double missing = std::min(amount, per_minute_) - level_;
  if (missing <= 0) return Duration{0};
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(missing * 60.0 / per_minute_)) +
         Duration{1};
}

void TokenBucket::take(double amount, Instant now) {
  if (per_minute_ <= 0) return;
  refill(now);
  level_ -= amount;
}

KeyRing::KeyRing(const std::vector<ApiKey>& keys, Instant now) {
  keys_.reserve(keys.size());
  for (const auto& key : keys) {
    keys_.push_back({key.tenant, key.sha256_hex, TokenBucket(key.requests_per_minute, now),
                     TokenBucket(key.tokens_per_minute, now)});
  }
}

KeyState* KeyRing::find(std::string_view presented) noexcept {
  const std::string hash = sha256_hex(presented);
  KeyState* found = nullptr;
  for (auto& key : keys_) {  // no early exit: the time says nothing about which key fitted
    if (key.sha256_hex.size() == hash.size() && CRYPTO_memcmp(key.sha256_hex.data(), hash.data(), hash.size()) == 0) {
      found = &key;
    }
  }
  return found;
}

std::optional<std::string> presented_key(const HttpRequest& request) {
  if (const auto* authorization = request.header("authorization")) {
    const auto text = trim(*authorization);
    if (text.size() > 7 && iequals(text.substr(0, 7), "bearer ")) return std::string(trim(text.substr(7)));
    return std::nullopt;
  }
  if (const auto* key = request.header("x-api-key")) return std::string(trim(*key));
  if (const auto* protocols = request.header("sec-websocket-protocol");
      protocols != nullptr && request.upgrade_websocket) {
    static constexpr std::string_view kPrefix = "openai-insecure-api-key.";
    std::string_view list = *protocols;
    for (;;) {
      const auto comma = list.find(',');
      const auto item = trim(list.substr(0, comma));
      if (item.substr(0, kPrefix.size()) == kPrefix) return std::string(item.substr(kPrefix.size()));
      if (comma == std::string_view::npos) break;
      list.remove_prefix(comma + 1);
    }
  }
  return std::nullopt;
}

std::string sha256_hex(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::string out;
  for (const unsigned char byte : digest) {
    out.push_back(kHex[byte >> 4]);
    out.push_back(kHex[byte & 15]);
  }
  return out;
}

}  // namespace zenith::gateway
