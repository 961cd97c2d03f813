// The fixed block that begins every message between processes: 128 bytes, little-endian. docs/wire.md has the layout.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "zenith/core/error.hpp"

namespace zenith::wire {

inline constexpr std::size_t kHeaderBytes = 128;
inline constexpr std::uint8_t kMajor = 1, kMinor = 0;
inline constexpr std::uint32_t kNoDeadline = 0xffffffff;
inline constexpr std::size_t kMaxRows = 8;               ///< of the table: the body and seven tensors
inline constexpr std::size_t kMaxFrames = 1 + kMaxRows;  ///< of a message, routing id aside

enum class Kind : std::uint16_t {
  hello = 1,  ///< client → server: who I am; begins a session of the link
  welcome,    ///< the answer: who serves, and the first credit
  request,    ///< work; the body says which
  event,      ///< of a generation, in order; flag `last` on the last one
  reply,      ///< the one answer of a request that is no generation
  error,      ///< the request's end, as an error
  cancel,     ///< stop the request; overtakes
  grant,      ///< the client took so many events
  ping,       ///< answered by the worker's mailbox
  pong,
  announce,  ///< service → directory: what I serve and how I am
  view,      ///< directory → all: who serves what
  goodbye,   ///< this side leaves: with a reason
};
std::string_view to_string(Kind kind) noexcept;

/// Bits 0–7 may be ignored by who does not know them; an unknown bit of 8–15 refuses the message.
enum Flag : std::uint16_t {
  kLast = 1u << 0,         ///< nothing follows for this request
  kHedge = 1u << 1,        ///< a second attempt beside a slow first one
  kPayloadHash = 1u << 8,  ///< payload_hash is set and must agree
  kShared = 1u << 9,       ///< some tensors lie in shared memory: their table rows point there
};
inline constexpr std::uint16_t kKnownFlags = kLast | kHedge | kPayloadHash | kShared;

struct Header {
  std::uint8_t major = kMajor, minor = kMinor;
  Kind kind = Kind::ping;
  std::uint16_t flags = 0;
  std::uint8_t rows = 0;                  ///< of the table behind the header; at most kMaxRows
  std::uint8_t frames = 1;                ///< of this message, this one included
  std::uint16_t attempt = 0;              ///< of the request; a reply repeats it
  std::uint64_t request_id = 0;           ///< unique in the client's epoch; of a ping: its number
  std::uint64_t epoch = 0;                ///< of the sender's process: random, never 0
  std::uint32_t sequence = 0;             ///< counts messages of one direction of one session, from 0
  std::uint32_t session = 0;              ///< of the link: a number that the client chose in its hello
  std::uint32_t budget_us = kNoDeadline;  ///< time left for the request, relative
  std::uint32_t tenant = 0;
  std::array<std::uint8_t, 16> trace_id{};
  std::array<std::uint8_t, 8> span_id{};
  std::uint64_t generation = 0;  ///< of the weights; 0 = does not matter
  std::uint16_t layer = 0, experts = 0;
  std::uint8_t priority = 1, trace_flags = 0;
  std::uint16_t status = 0;           ///< of error: Errc + 1
  std::uint32_t credit_kib = 0;       ///< of open requests, in units of 1024 bytes: what the receiver may have in all
  std::uint32_t credit_requests = 0;  ///< requests that the receiver may have open in all; 0 = as before
  std::uint32_t queue_us = 0;         ///< of a reply: how long the request waited
  std::uint32_t service_us = 0;       ///< of a reply: how long it took
  std::uint64_t payload_bytes = 0;    ///< of all rows, where they lie; checked
  std::uint64_t payload_hash = 0;     ///< XXH3-64 of table and payload, with kPayloadHash

  friend bool operator==(const Header&, const Header&) = default;
};

/// Writes the header with its hash (XXH3-64 of bytes 0–119).
void encode(const Header& header, std::span<std::byte, kHeaderBytes> out) noexcept;

/// Pure and total; `bytes` may be longer and lie at any address. @returns bad_frame with the field in `param`: too
/// short, wrong magic or hash, unknown kind or must-understand flag, a length, row or frame count out of range;
/// unsupported naming both versions for another major (looked at before the hash, so any major can be told).
Expected<Header> decode(std::span<const std::byte> bytes);

/// Where the table begins: a later minor's header is longer, its tail is skipped. @pre decode(bytes) gave a header.
std::size_t encoded_header_bytes(std::span<const std::byte> bytes) noexcept;

}  // namespace zenith::wire
