// Any bytes as the start of a file of packed weights: entries inside it, or a typed error.
#include <cstdint>
#include <cstdlib>

#include "weights/packed_format.hpp"

namespace {

using namespace zenith;

// Before the header's own checks; the seeds are sealed, mutations get past the hashes only by `trust`.
void try_table(std::span<const std::byte> table, const models::PackedHeader& header) {
  const auto entries = models::parse_packed_table(table, header);
  if (!entries) {
    if (entries.error().message.empty()) std::abort();
    return;
  }
  std::uint64_t end = 0;
  for (const models::PackedEntry& entry : *entries) {
    if (entry.offset < end || entry.bytes > header.payload_bytes || entry.offset > header.payload_bytes - entry.bytes)
      std::abort();
    end = entry.offset + entry.bytes;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span{data, size});
  const models::PackedKey key{77, "v1-8"};
  const auto header = models::parse_packed_header(bytes, size, key);
  if (header) {
    if (header->payload_offset > size || header->payload_bytes != size - header->payload_offset) std::abort();
    try_table(bytes.subspan(models::kPackedHeaderBytes, header->table_bytes), *header);
  } else if (header.error().message.empty()) {
    std::abort();
  }
  // The same bytes as a table whose hash is right: what a liar writes.
  if (size < 12) return 0;
  const std::uint32_t entries = data[0];
  const std::uint64_t payload = std::uint64_t{data[1]} << (data[2] % 57);
  const auto table = bytes.subspan(4);
  try_table(table, {table.size(), models::packed_hash(table), 0, payload, entries});
  return 0;
}
