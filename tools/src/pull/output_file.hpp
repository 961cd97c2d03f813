// A file being written: hashed as it grows, bounded, flushed to disk at its end, removed when it was not finished.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "zenith/core/error.hpp"

namespace zenith::tools {

/// One thread.
class OutputFile {
 public:
  /// @param most bytes that may be written. @returns io with the path and the system's reason.
  static Expected<OutputFile> create(const std::filesystem::path& path, std::uint64_t most);
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile();

  /// @returns io ("disk full: …" with the free bytes when it is), bad_file when more than `most` bytes come.
  Status write(std::span<const std::byte> bytes);
  /// Flushes to disk and closes. @returns the sha256 of all that was written, lower-case hex.
  Expected<std::string> finish();
  std::uint64_t written() const noexcept { return written_; }

 private:
  struct Hash;
  OutputFile(std::filesystem::path path, int fd, std::uint64_t most);

  std::filesystem::path path_;
  int fd_ = -1;
  std::uint64_t most_ = 0, written_ = 0;
  std::unique_ptr<Hash> hash_;
};

/// Makes a folder's entries durable (a rename among them).
Status sync_folder(const std::filesystem::path& folder);

/// "disk full: 12.0 MB are free under /x" for ENOSPC, EDQUOT and EFBIG; else the system's reason with the path.
Error file_error(const std::filesystem::path& path, int code, const std::string& doing);

}  // namespace zenith::tools
