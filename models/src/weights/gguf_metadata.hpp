// The key-value part of a GGUF header.
#pragma once

#include "weights/byte_reader.hpp"
#include "weights/stored_source.hpp"

namespace zenith::models {

/// Reads `count` keys. @returns bad_file naming the key (or its number and byte, when its name cannot be read).
Status read_gguf_metadata(ByteReader& reader, std::uint64_t count, StoredSource& source);

}  // namespace zenith::models
