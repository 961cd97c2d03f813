// safetensors, memory-mapped.  Source: the format's own specification (huggingface/safetensors).
#pragma once

#include <filesystem>
#include <memory>
#include <span>

#include "zenith/models/weights/weight_source.hpp"

namespace zenith::models {

/// A .safetensors file (F32, F16, BF16; I64 and I32 are listed, not computed with); `__metadata__` strings become
/// metadata.
Expected<std::unique_ptr<WeightSource>> open_safetensors(const std::filesystem::path& path);
Expected<std::unique_ptr<WeightSource>> parse_safetensors(std::span<const std::byte> bytes);

}  // namespace zenith::models
