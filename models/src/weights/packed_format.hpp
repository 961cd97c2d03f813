// The layout of a file of packed weights: a header of 128 bytes, a table of its parts, and from the next multiple of
// 4096 on their bytes, each at a multiple of 64. Little-endian.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "zenith/core/dtype.hpp"
#include "zenith/core/error.hpp"

namespace zenith::models {

/// Rows [first, first + n_out) of a tensor.
struct PackedPart {
  std::string tensor;
  DType dtype = DType::f32;
  std::uint64_t first = 0, n_out = 0, n_in = 0;
  friend auto operator<=>(const PackedPart&, const PackedPart&) = default;
};

struct PackedEntry {
  PackedPart part;
  std::uint64_t offset = 0, bytes = 0;  ///< in the payload
  std::uint64_t hash = 0;               ///< XXH3 of the bytes
};

/// What a file was made for.
struct PackedKey {
  std::uint64_t model = 0;
  std::string layout;  ///< kernels::packed_layout(), at most 31 bytes
};

struct PackedHeader {
  std::uint64_t table_bytes = 0, table_hash = 0, payload_offset = 0, payload_bytes = 0;
  std::uint32_t entries = 0;
};

inline constexpr std::size_t kPackedHeaderBytes = 128;
inline constexpr std::uint64_t kPackedAlign = 64, kPackedPage = 4096;

/// @param start the file's first bytes. @param file_bytes its size.
/// @returns bad_file for anything but an intact header that agrees with the size; unsupported for another version;
/// not_found for a file that was made for another key.
Expected<PackedHeader> parse_packed_header(std::span<const std::byte> start, std::uint64_t file_bytes,
                                           const PackedKey& key);

/// Entries are in order, aligned, apart and inside the payload; no part occurs twice. Allocates no more than the table
/// has. @param table the header's table_bytes that follow it. @returns bad_file.
Expected<std::vector<PackedEntry>> parse_packed_table(std::span<const std::byte> table, const PackedHeader& header);

/// Gives the entries their offsets, in order. @returns the bytes before the payload.
std::vector<std::byte> write_packed_start(std::span<PackedEntry> entries, const PackedKey& key);

std::uint64_t packed_hash(std::span<const std::byte> bytes) noexcept;

}  // namespace zenith::models
