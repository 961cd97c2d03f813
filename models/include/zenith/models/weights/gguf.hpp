// GGUF v2 and v3, little-endian, memory-mapped.  Source: the GGUF specification (ggml/docs/gguf.md).
#pragma once

#include <filesystem>
#include <memory>
#include <span>

#include "zenith/models/weights/weight_source.hpp"

namespace zenith::models {

/// Every length and offset is checked against the file before use; allocations are bounded by what the file itself
/// carries (a value takes up to eight times its bytes in the file).
/// @returns io when it cannot be opened, bad_file naming the key or tensor, unsupported naming version, byte order or
/// tensor type.
Expected<std::unique_ptr<WeightSource>> open_gguf(const std::filesystem::path& path);

/// The same over bytes in memory (fuzzing, tests). `bytes` must outlive the source.
Expected<std::unique_ptr<WeightSource>> parse_gguf(std::span<const std::byte> bytes);

}  // namespace zenith::models
