// A folder of weights as this processor's kernels want them, kept so that a start reads instead of packing. A file is
// used only by the model file (size, time of change, content's hash) and the layout that it was made for; nothing is
// lost when the folder goes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "zenith/core/config.hpp"
#include "zenith/core/error.hpp"

namespace zenith::models {

struct PackedCache {
  std::filesystem::path folder;         ///< empty: nothing is kept
  std::uint64_t most_bytes = 0;         ///< of all files together: the longest unused go first
  std::uint64_t least_bytes = 1 << 20;  ///< of a file: less is packed sooner than it is found
};

struct PackedFile {
  std::filesystem::path path;
  std::uint64_t bytes = 0;
  std::filesystem::file_time_type used;
};

/// As the configuration says.
PackedCache packed_cache(const ModelsConfig& config);

/// What lies there, the longest unused first; none where the folder is not.
std::vector<PackedFile> packed_files(const std::filesystem::path& folder);

struct RemovedFiles {
  std::size_t count = 0;
  std::uint64_t bytes = 0;
};

/// Removes all of it, and what writers that died left; a process that has loaded one goes on. @returns io naming the
/// first that stays.
Expected<RemovedFiles> remove_packed(const std::filesystem::path& folder);

}  // namespace zenith::models
