// The tensor table: one row of 32 bytes for the body and for each tensor.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "zenith/core/tensor.hpp"
#include "zenith/wire/message.hpp"

namespace zenith::wire {

inline constexpr std::size_t kRowBytes = 32;
inline constexpr std::uint8_t kBodyType = 255;    // dtype of the body's row: bytes
inline constexpr std::uint8_t kRowShared = 1;     // row flag: the payload is a SharedRef
inline constexpr std::size_t kInlineAlign = 8;    // of offsets in the first frame
inline constexpr std::size_t kPayloadAlign = 64;  // of offsets in the others

struct Row {
  std::uint8_t type = kBodyType, rank = 0, frame = 0, flags = 0;
  std::array<std::uint32_t, 4> dims{};
  std::uint64_t offset = 0;  // in its frame
};

void put_row(const Row& row, std::byte* to) noexcept;
/// @returns nothing when the four bytes that must be zero are not.
std::optional<Row> get_row(const std::byte* from) noexcept;

/// Bytes of a tensor or body of this shape; nothing if there is none: unknown type, rank above 4, a last dim that is
/// not whole blocks, dims beyond the rank, or more than kMaxMessageBytes.
std::optional<std::uint64_t> shape_bytes(std::uint8_t type, std::uint8_t rank,
                                         const std::array<std::uint32_t, 4>& dims) noexcept;

void put_shared(const SharedRef& ref, std::byte* to) noexcept;
SharedRef get_shared(const std::byte* from) noexcept;

/// XXH3-64 of all that follows the header: the rest of the first frame, then the other frames.
std::uint64_t hash_payload(std::span<const std::byte> rest_of_first, std::span<const Buffer> others) noexcept;

}  // namespace zenith::wire
