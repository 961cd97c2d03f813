#include "zenith/wire/header.hpp"

#include <fmt/format.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "bytes.hpp"

namespace zenith::wire {
namespace {

constexpr std::uint32_t kMagic = 0x31574e5a;  // "ZNW1"

// Byte offsets of the fields, in their order.
enum At : std::size_t {
  kAtMagic = 0,
  kAtMajor = 4,
  kAtMinor = 5,
  kAtLength = 6,
  kAtKind = 8,
  kAtFlags = 10,
  kAtRows = 12,
  kAtFrames = 13,
  kAtAttempt = 14,
  kAtRequest = 16,
  kAtEpoch = 24,
  kAtSequence = 32,
  kAtSession = 36,
  kAtBudget = 40,
  kAtTenant = 44,
  kAtTrace = 48,
  kAtSpan = 64,
  kAtGeneration = 72,
  kAtLayer = 80,
  kAtExperts = 82,
  kAtPriority = 84,
  kAtTraceFlags = 85,
  kAtStatus = 86,
  kAtCreditKib = 88,
  kAtCreditRequests = 92,
  kAtQueue = 96,
  kAtService = 100,
  kAtPayloadBytes = 104,
  kAtPayloadHash = 112,
  kAtHash = 120,
};
static_assert(kAtHash + sizeof(std::uint64_t) == kHeaderBytes);

Expected<Header> bad(std::string message, std::string field) {
  return fail(Errc::bad_frame, std::move(message), std::move(field));
}

}  // namespace

std::string_view to_string(Kind kind) noexcept {
  switch (kind) {
    case Kind::hello: return "hello";
    case Kind::welcome: return "welcome";
    case Kind::request: return "request";
    case Kind::event: return "event";
    case Kind::reply: return "reply";
    case Kind::error: return "error";
    case Kind::cancel: return "cancel";
    case Kind::grant: return "grant";
    case Kind::ping: return "ping";
    case Kind::pong: return "pong";
    case Kind::announce: return "announce";
    case Kind::view: return "view";
    case Kind::goodbye: return "goodbye";
  }
  return "unknown";
}

void encode(const Header& h, std::span<std::byte, kHeaderBytes> out) noexcept {
  std::byte* const to = out.data();
  put(to + kAtMagic, kMagic);
  put(to + kAtMajor, h.major);
  put(to + kAtMinor, h.minor);
  put(to + kAtLength, std::uint16_t{kHeaderBytes});
  put(to + kAtKind, h.kind);
  put(to + kAtFlags, h.flags);
  put(to + kAtRows, h.rows);
  put(to + kAtFrames, h.frames);
  put(to + kAtAttempt, h.attempt);
  put(to + kAtRequest, h.request_id);
  put(to + kAtEpoch, h.epoch);
  put(to + kAtSequence, h.sequence);
  put(to + kAtSession, h.session);
  put(to + kAtBudget, h.budget_us);
  put(to + kAtTenant, h.tenant);
  put(to + kAtTrace, h.trace_id);
  put(to + kAtSpan, h.span_id);
  put(to + kAtGeneration, h.generation);
  put(to + kAtLayer, h.layer);
  put(to + kAtExperts, h.experts);
  put(to + kAtPriority, h.priority);
  put(to + kAtTraceFlags, h.trace_flags);
  put(to + kAtStatus, h.status);
  put(to + kAtCreditKib, h.credit_kib);
  put(to + kAtCreditRequests, h.credit_requests);
  put(to + kAtQueue, h.queue_us);
  put(to + kAtService, h.service_us);
  put(to + kAtPayloadBytes, h.payload_bytes);
  put(to + kAtPayloadHash, h.payload_hash);
  put(to + kAtHash, std::uint64_t{XXH3_64bits(to, kAtHash)});
}

Expected<Header> decode(std::span<const std::byte> bytes) {
  if (bytes.size() < kHeaderBytes)
    return bad(fmt::format("a header has {} bytes, here are {}", kHeaderBytes, bytes.size()), "length");
  const std::byte* const from = bytes.data();
  if (const auto magic = get<std::uint32_t>(from + kAtMagic); magic != kMagic)
    return bad(fmt::format("not a Zenith message: it begins with 0x{:08x}, not with ZNW1", magic), "magic");
  Header h;
  h.major = get<std::uint8_t>(from + kAtMajor);
  h.minor = get<std::uint8_t>(from + kAtMinor);
  if (h.major != kMajor)
    return fail(Errc::unsupported,
                fmt::format("the peer speaks version {}.{} of the wire, this side {}.{}: both need the same major",
                            h.major, h.minor, kMajor, kMinor),
                "major");
  if (get<std::uint64_t>(from + kAtHash) != XXH3_64bits(from, kAtHash))
    return bad("the header's hash does not agree with its bytes", "hash");
  const auto length = get<std::uint16_t>(from + kAtLength);
  if (length < kHeaderBytes || length % 8 != 0 || length > bytes.size())
    return bad(fmt::format("a header of {} bytes in a frame of {}", length, bytes.size()), "length");
  h.kind = Kind{get<std::uint16_t>(from + kAtKind)};
  if (h.kind < Kind::hello || h.kind > Kind::goodbye)
    return bad(fmt::format("kind {} is unknown", static_cast<unsigned>(h.kind)), "kind");
  h.flags = get<std::uint16_t>(from + kAtFlags);
  if (const unsigned unknown = h.flags & 0xff00u & ~unsigned{kKnownFlags}; unknown != 0)
    return bad(fmt::format("flags 0x{:04x} are unknown and must be understood", unknown), "flags");
  h.rows = get<std::uint8_t>(from + kAtRows);
  if (h.rows > kMaxRows) return bad(fmt::format("{} rows, at most {} may be", h.rows, kMaxRows), "rows");
  h.frames = get<std::uint8_t>(from + kAtFrames);
  if (h.frames < 1 || h.frames > 1 + h.rows)
    return bad(fmt::format("{} frames for {} rows", h.frames, h.rows), "frames");
  h.attempt = get<std::uint16_t>(from + kAtAttempt);
  h.request_id = get<std::uint64_t>(from + kAtRequest);
  h.epoch = get<std::uint64_t>(from + kAtEpoch);
  h.sequence = get<std::uint32_t>(from + kAtSequence);
  h.session = get<std::uint32_t>(from + kAtSession);
  h.budget_us = get<std::uint32_t>(from + kAtBudget);
  h.tenant = get<std::uint32_t>(from + kAtTenant);
  h.trace_id = get<decltype(h.trace_id)>(from + kAtTrace);
  h.span_id = get<decltype(h.span_id)>(from + kAtSpan);
  h.generation = get<std::uint64_t>(from + kAtGeneration);
  h.layer = get<std::uint16_t>(from + kAtLayer);
  h.experts = get<std::uint16_t>(from + kAtExperts);
  h.priority = get<std::uint8_t>(from + kAtPriority);
  h.trace_flags = get<std::uint8_t>(from + kAtTraceFlags);
  h.status = get<std::uint16_t>(from + kAtStatus);
  h.credit_kib = get<std::uint32_t>(from + kAtCreditKib);
  h.credit_requests = get<std::uint32_t>(from + kAtCreditRequests);
  h.queue_us = get<std::uint32_t>(from + kAtQueue);
  h.service_us = get<std::uint32_t>(from + kAtService);
  h.payload_bytes = get<std::uint64_t>(from + kAtPayloadBytes);
  h.payload_hash = get<std::uint64_t>(from + kAtPayloadHash);
  return h;
}

std::size_t encoded_header_bytes(std::span<const std::byte> bytes) noexcept {
  return get<std::uint16_t>(bytes.data() + kAtLength);
}

}  // namespace zenith::wire
