#include "net/public_address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <array>
#include <cstdint>
#include <cstring>

namespace zenith::gateway {
namespace {

struct Range {
  std::uint32_t base;
  int bits;
};

constexpr std::uint32_t v4(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  return (a << 24) | (b << 16) | (c << 8) | d;
}

constexpr std::array<Range, 15> kClosed4{{{v4(0, 0, 0, 0), 8},
                                          {v4(10, 0, 0, 0), 8},
                                          {v4(100, 64, 0, 0), 10},
                                          {v4(127, 0, 0, 0), 8},
                                          {v4(169, 254, 0, 0), 16},
                                          {v4(172, 16, 0, 0), 12},
                                          {v4(192, 0, 0, 0), 24},
                                          {v4(192, 0, 2, 0), 24},
                                          {v4(192, 88, 99, 0), 24},
                                          {v4(192, 168, 0, 0), 16},
                                          {v4(198, 18, 0, 0), 15},
                                          {v4(198, 51, 100, 0), 24},
                                          {v4(203, 0, 113, 0), 24},
                                          {v4(224, 0, 0, 0), 4},
                                          {v4(240, 0, 0, 0), 4}}};

bool is_public_v4(std::uint32_t address) noexcept {
  for (const auto& range : kClosed4) {
    const std::uint32_t mask = ~std::uint32_t{0} << (32 - range.bits);
    if ((address & mask) == range.base) return false;
  }
  return true;
}

using Bytes = std::array<std::uint8_t, 16>;

std::uint32_t v4_at(const Bytes& b, std::size_t at) noexcept { return v4(b[at], b[at + 1], b[at + 2], b[at + 3]); }

bool starts_with(const Bytes& b, std::initializer_list<std::uint8_t> head) noexcept {
  std::size_t i = 0;
  for (const auto byte : head) {
    if (b[i++] != byte) return false;
  }
  return true;
}

bool is_public_v6(const Bytes& b) noexcept {
  if (starts_with(b, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff})) return is_public_v4(v4_at(b, 12));     // mapped
  if (starts_with(b, {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0})) return is_public_v4(v4_at(b, 12));  // NAT64
  if (starts_with(b, {0x20, 0x02})) return is_public_v4(v4_at(b, 2));                                    // 6to4
  if (starts_with(b, {0x20, 0x01, 0x0d, 0xb8})) return false;                                            // documents
  if (starts_with(b, {0x20, 0x01}) && b[2] < 2) return false;     // 2001::/23: Teredo and other protocols
  if (starts_with(b, {0x3f, 0xff}) && b[2] < 0x10) return false;  // documents
  return (b[0] & 0xe0) == 0x20;                                   // 2000::/3 is what is given out
}

}  // namespace

bool is_public_address(const sockaddr& address) noexcept {
  if (address.sa_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &address, sizeof in);
    return is_public_v4(ntohl(in.sin_addr.s_addr));
  }
  if (address.sa_family == AF_INET6) {
    sockaddr_in6 in{};
    std::memcpy(&in, &address, sizeof in);
    Bytes bytes{};
    std::memcpy(bytes.data(), &in.sin6_addr, bytes.size());
    return is_public_v6(bytes);
  }
  return false;
}

}  // namespace zenith::gateway
