// A file that is there whole or not at all.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include "zenith/core/error.hpp"

namespace zenith::tools {

/// Written beside its place under a hidden name and renamed at the end; removed when it was not finished.
class WholeFile {
 public:
  /// Takes the room at once where the file system can. @returns io naming the file, the bytes needed and the bytes
  /// free; invalid_argument when `path` exists and `replace` is not set, or is no regular file.
  static Expected<WholeFile> create(const std::filesystem::path& path, std::uint64_t bytes, bool replace,
                                    std::string param);
  WholeFile(WholeFile&& other) noexcept;
  WholeFile& operator=(WholeFile&&) = delete;
  ~WholeFile();

  Status write(std::span<const std::byte> bytes);
  Status finish();  ///< on disk, then renamed

 private:
  WholeFile(std::filesystem::path path, std::filesystem::path partial, int fd, bool replace, std::string param)
      : path_(std::move(path)), partial_(std::move(partial)), fd_(fd), replace_(replace), param_(std::move(param)) {}
  tl::unexpected<Error> failed(int error, std::uint64_t needed) const;

  std::filesystem::path path_, partial_;
  int fd_ = -1;
  bool replace_ = false;
  std::uint64_t written_ = 0, expected_ = 0;
  std::string param_;
};

}  // namespace zenith::tools
