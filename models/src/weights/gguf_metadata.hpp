// The key-value part of a GGUF header.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "weights/byte_reader.hpp"
#include "weights/stored_source.hpp"

namespace zenith::models {

/// A key as it lies in the file: name, type and value.
struct GgufEntry {
  std::string_view key;
  std::span<const std::byte> bytes;
};

/// Reads `count` keys; `entries`, if any, gets where each lies. @returns bad_file naming the key (or its number and
/// byte, when its name cannot be read).
Status read_gguf_metadata(ByteReader& reader, std::uint64_t count, StoredSource& source,
                          std::vector<GgufEntry>* entries = nullptr);

}  // namespace zenith::models
