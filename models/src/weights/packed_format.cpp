#include "weights/packed_format.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <set>

#include <fmt/format.h>
#include <xxhash.h>

#include "weights/byte_reader.hpp"
#include "weights/stored_source.hpp"

namespace zenith::models {
namespace {

constexpr std::uint32_t kVersion = 1;
constexpr std::array<char, 8> kMagic{'Z', 'E', 'N', 'P', 'A', 'C', 'K', '\n'};
constexpr std::uint64_t kMostTableBytes = 64u << 20;
constexpr std::uint16_t kMostNameBytes = 256;

struct RawHeader {
  std::array<char, 8> magic;
  std::uint32_t version, entries;
  std::uint64_t model;
  std::array<char, 32> layout;  // zero-padded
  std::uint64_t file_bytes, table_bytes, table_hash, payload_offset;
  std::array<std::uint64_t, 4> reserved;
  std::uint64_t hash;  // of all before it
};
static_assert(sizeof(RawHeader) == kPackedHeaderBytes && std::is_trivially_copyable_v<RawHeader>);

struct RawEntry {
  std::uint64_t first, n_out, n_in, offset, bytes, hash;
  std::uint16_t name_bytes;
  std::uint8_t dtype;
  std::array<std::uint8_t, 5> reserved;
};
static_assert(sizeof(RawEntry) == 56 && std::is_trivially_copyable_v<RawEntry>);

std::uint64_t rounded(std::uint64_t value, std::uint64_t to) noexcept { return (value + to - 1) / to * to; }

std::uint64_t header_hash(const RawHeader& raw) noexcept {
  return packed_hash(std::as_bytes(std::span{&raw, 1}).first(offsetof(RawHeader, hash)));
}

std::array<char, 32> padded(const std::string& layout) noexcept {
  std::array<char, 32> out{};
  std::memcpy(out.data(), layout.data(), std::min(layout.size(), out.size() - 1));
  return out;
}

template <class T>
void put(std::vector<std::byte>& out, const T& value) {
  out.resize(out.size() + sizeof(T));
  std::memcpy(out.data() + out.size() - sizeof(T), &value, sizeof(T));
}

}  // namespace

std::uint64_t packed_hash(std::span<const std::byte> bytes) noexcept { return XXH3_64bits(bytes.data(), bytes.size()); }

Expected<PackedHeader> parse_packed_header(std::span<const std::byte> start, std::uint64_t file_bytes,
                                           const PackedKey& key) {
  const auto raw = ByteReader{start}.read<RawHeader>();
  if (!raw || file_bytes < sizeof(RawHeader)) return fail(Errc::bad_file, "it ends inside its header");
  if (raw->magic != kMagic) return fail(Errc::bad_file, "it does not begin as packed weights do");
  if (raw->version != kVersion) {
    return fail(Errc::unsupported, fmt::format("it has version {}, this program writes {}", raw->version, kVersion));
  }
  if (raw->hash != header_hash(*raw)) return fail(Errc::bad_file, "its header is damaged");
  if (raw->model != key.model || raw->layout != padded(key.layout)) {
    return fail(Errc::not_found, "it was made from another model file or for other kernels");
  }
  if (raw->file_bytes != file_bytes) {
    return fail(Errc::bad_file, fmt::format("it has {} bytes, its header says {}", file_bytes, raw->file_bytes));
  }
  if (raw->table_bytes > kMostTableBytes || raw->table_bytes > file_bytes - sizeof(RawHeader) ||
      raw->payload_offset != rounded(sizeof(RawHeader) + raw->table_bytes, kPackedPage) ||
      raw->payload_offset > file_bytes || raw->entries > raw->table_bytes / sizeof(RawEntry)) {
    return fail(Errc::bad_file, "the sizes in its header disagree");
  }
  return PackedHeader{raw->table_bytes, raw->table_hash, raw->payload_offset, file_bytes - raw->payload_offset,
                      raw->entries};
}

Expected<std::vector<PackedEntry>> parse_packed_table(std::span<const std::byte> table, const PackedHeader& header) {
  if (table.size() != header.table_bytes || packed_hash(table) != header.table_hash) {
    return fail(Errc::bad_file, "its table is damaged");
  }
  ByteReader reader{table};
  std::vector<PackedEntry> entries;
  entries.reserve(header.entries);
  std::set<PackedPart> seen;
  std::uint64_t end = 0;
  for (std::uint32_t i = 0; i < header.entries; ++i) {
    const auto raw = reader.read<RawEntry>();
    const auto name = raw ? reader.text(raw->name_bytes) : std::nullopt;
    if (!name || name->empty() || name->size() > kMostNameBytes) {
      return fail(Errc::bad_file, fmt::format("entry {} of its table is cut or has no name", i + 1));
    }
    if (raw->dtype > static_cast<std::uint8_t>(DType::u8)) {
      return fail(Errc::bad_file, fmt::format("tensor {} has the unknown type {}", printable(*name), raw->dtype));
    }
    if (raw->offset % kPackedAlign != 0 || raw->offset < end || raw->offset > header.payload_bytes ||
        raw->bytes > header.payload_bytes - raw->offset) {
      return fail(Errc::bad_file,
                  fmt::format("tensor {} does not lie apart, aligned and inside the file: {} bytes at {}",
                              printable(*name), raw->bytes, raw->offset));
    }
    end = raw->offset + raw->bytes;
    PackedPart part{std::string{*name}, static_cast<DType>(raw->dtype), raw->first, raw->n_out, raw->n_in};
    if (!seen.insert(part).second) return fail(Errc::bad_file, fmt::format("tensor {} occurs twice", printable(*name)));
    entries.push_back({std::move(part), raw->offset, raw->bytes, raw->hash});
  }
  if (reader.remaining() != 0) return fail(Errc::bad_file, "its table has bytes after the last entry");
  return entries;
}

std::vector<std::byte> write_packed_start(std::span<PackedEntry> entries, const PackedKey& key) {
  std::vector<std::byte> table;
  std::uint64_t end = 0;
  for (PackedEntry& entry : entries) {
    entry.offset = rounded(end, kPackedAlign);
    end = entry.offset + entry.bytes;
    const PackedPart& part = entry.part;
    put(table, RawEntry{part.first,
                        part.n_out,
                        part.n_in,
                        entry.offset,
                        entry.bytes,
                        entry.hash,
                        static_cast<std::uint16_t>(part.tensor.size()),
                        static_cast<std::uint8_t>(part.dtype),
                        {}});
    const auto name = std::as_bytes(std::span{part.tensor});
    table.insert(table.end(), name.begin(), name.end());
  }
  RawHeader raw{};
  raw.magic = kMagic;
  raw.version = kVersion;
  raw.entries = static_cast<std::uint32_t>(entries.size());
  raw.model = key.model;
  raw.layout = padded(key.layout);
  raw.table_bytes = table.size();
  raw.table_hash = packed_hash(table);
  raw.payload_offset = rounded(sizeof(RawHeader) + table.size(), kPackedPage);
  raw.file_bytes = raw.payload_offset + end;
  raw.hash = header_hash(raw);
  std::vector<std::byte> out;
  out.reserve(raw.payload_offset);
  put(out, raw);
  out.insert(out.end(), table.begin(), table.end());
  out.resize(raw.payload_offset);
  return out;
}

}  // namespace zenith::models
