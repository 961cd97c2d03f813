// The JSON header of a safetensors file, read event by event: bounded depth, no tree.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weights/stored_source.hpp"
#include "zenith/core/error.hpp"

namespace zenith::models {

struct SafetensorsEntry {
  std::string name, dtype;
  std::vector<std::uint64_t> shape;
  std::uint64_t begin = 0, end = 0;  ///< in the data after the header
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> tensors;
  std::vector<std::pair<std::string, std::string>> metadata;
};

/// @returns bad_file naming tensor and field, or the byte where it stops to be JSON.
Expected<SafetensorsHeader> parse_safetensors_header(std::string_view json);

/// As open_safetensors, for one who adds metadata from a file beside it.
Expected<std::unique_ptr<StoredSource>> open_safetensors_source(const std::filesystem::path& path);

}  // namespace zenith::models
