// A file of the cache of packed weights: read at offsets; or written under another name and put in place whole.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

#include "zenith/core/error.hpp"
#include "zenith/models/weights/packed_cache.hpp"

namespace zenith::models {

inline constexpr std::string_view kPackedSuffix = ".zpk", kUnfinishedSuffix = ".zpk.new";

/// read() from any thread; the rest from one.
class CacheFile {
 public:
  /// For reading. @returns not_found; io with the system's reason; bad_file when it is no regular file.
  static Expected<CacheFile> open(const std::filesystem::path& path);
  /// For writing `bytes` bytes, which are reserved on disk at once; makes the folder. Nothing is at `path` before
  /// publish(). @returns io with the system's reason.
  static Expected<CacheFile> create(const std::filesystem::path& path, std::uint64_t bytes);
  CacheFile(CacheFile&& other) noexcept;
  CacheFile& operator=(CacheFile&&) = delete;
  ~CacheFile();  ///< removes what was not published

  std::uint64_t bytes() const noexcept { return bytes_; }
  /// @returns bad_file when the file ends before; io.
  Status read(std::uint64_t offset, std::span<std::byte> to) const;
  Status write(std::uint64_t offset, std::span<const std::byte> from);
  /// On disk, under its name, also after a crash.
  Status publish();
  void mark_used() const noexcept;  ///< so that it is not the longest unused; where that is not allowed, nothing

 private:
  CacheFile() = default;
  std::filesystem::path path_, unfinished_;
  int fd_ = -1;
  std::uint64_t bytes_ = 0;
};

/// Removes the longest unused files until `bytes` more fit the cache's limit, `path` not counted, and what writers
/// that died left. @returns payload_too_large when `bytes` never fit; io when they take more than half of the free
/// disk.
Status make_room(const PackedCache& cache, const std::filesystem::path& path, std::uint64_t bytes);

}  // namespace zenith::models
