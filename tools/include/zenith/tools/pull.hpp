// Fetching models: whole and verified, or not at all.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "zenith/core/error.hpp"
#include "zenith/tools/progress.hpp"

namespace zenith::tools {

struct PullOptions {
  std::filesystem::path models_dir;
  std::string sha256;                           ///< of a hub file or URL; empty = the hub's own metadata
  std::string hub_url;                          ///< where hf: names are looked up; no slash at the end
  std::string python = "/usr/bin/python3";      ///< has pip; pip keeps this machine's configuration
  std::function<void(const std::string&)> say;  ///< a line for people: name, licence, origin, size, terms
};

struct Pulled {
  std::string name;
  std::filesystem::path folder;
  std::uint64_t bytes = 0;
  bool already_there = false;
};

/// Fetches `what`: a catalog name, hf:owner/repo/file.gguf or an http(s) URL of a .gguf file (needs sha256). Files are
/// written and hashed in a folder beside, flushed to disk, and renamed into place in one step; a pull that fails or is
/// killed leaves nothing that is used. Two pulls of one name wait for each other. Blocking; the process must have no
/// other threads (it forks).
/// @returns not_found, unsupported, invalid_argument (naming sha256), bad_file (a wrong hash or size), io (disk full,
/// no permission, no network; the message says which).
Expected<Pulled> pull(std::string_view what, const PullOptions& options, Progress& progress);

/// Whether the catalog's `name` lies complete in models_dir (its manifest names the catalog's hashes and every file has
/// its size).
bool is_installed(std::string_view name, const std::filesystem::path& models_dir);

}  // namespace zenith::tools
