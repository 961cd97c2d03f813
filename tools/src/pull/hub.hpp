// One file over HTTP, with the hash that the caller or the hub's own metadata names.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "zenith/core/error.hpp"

namespace zenith::tools {

/// hf:owner/repo/file (file may be in sub-folders).
struct HubName {
  std::string owner, repo, file;
};

/// @returns invalid_argument that shows the form when `text` (without "hf:") is not owner/repo/file.gguf.
Expected<HubName> parse_hub_name(std::string_view text);

/// HUB/owner/repo/resolve/main/file, percent-encoded.
std::string hub_url(const std::string& hub, const HubName& name);

struct Downloaded {
  std::string sha256;
  std::uint64_t bytes = 0;
};

/// Fetches `url` into `target` (which must not exist). At most five redirects, never from https to http; stalls of 60 s
/// end it.
/// @param sha256 empty: the x-linked-etag header must name it.
/// @param grown called with bytes so far and in all (0 = unknown).
/// @returns invalid_argument naming sha256 when nothing names a hash, bad_file for a wrong hash or size, not_found for
/// 404, io otherwise.
Expected<Downloaded> download_url(const std::string& url, const std::string& sha256,
                                  const std::filesystem::path& target,
                                  const std::function<void(std::uint64_t, std::uint64_t)>& grown);

}  // namespace zenith::tools
