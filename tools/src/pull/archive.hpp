// Reading zip files (wheels are zips too) from strangers: bounded, and never outside the folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "pull/output_file.hpp"
#include "zenith/core/error.hpp"

namespace zenith::tools {

/// Appends the member `path` of the zip to `out`. Its checksum is verified.
/// @returns not_found naming the member, bad_file for a broken zip, or what `out` returns.
Status extract_member(const std::filesystem::path& zip, std::string_view path, OutputFile& out);

struct Extracted {
  std::string name;  ///< relative to the folder
  std::string sha256;
  std::uint64_t bytes = 0;
};

/// Every member below `folder`, which exists. Names that are absolute, have "..", a backslash or a NUL, symbolic links,
/// duplicates, more than 1,000 members or more than `most` bytes in all are refused as bad_file before anything is
/// written.
Expected<std::vector<Extracted>> extract_all(const std::filesystem::path& zip, const std::filesystem::path& folder,
                                             std::uint64_t most);

}  // namespace zenith::tools
