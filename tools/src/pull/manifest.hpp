// What a model's folder says about itself: zenith.json, written last, before the folder gets its name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "zenith/core/error.hpp"

namespace zenith::tools {

struct ManifestFile {
  std::string name;  ///< relative to the folder
  std::string sha256;
  std::uint64_t bytes = 0;
};

struct Manifest {
  std::string name, kind, source, license, origin;
  std::string loads;                ///< what load_model is given, relative to the folder
  std::vector<std::string> hashes;  ///< of what was fetched, as the catalog or the caller named them
  std::vector<ManifestFile> files;
};

inline constexpr const char* kManifestName = "zenith.json";

Status write_manifest(const std::filesystem::path& folder, const Manifest& manifest);

/// Empty when the folder has none, it cannot be read, or a file it lists is missing or has another size.
std::optional<Manifest> read_manifest(const std::filesystem::path& folder);

}  // namespace zenith::tools
