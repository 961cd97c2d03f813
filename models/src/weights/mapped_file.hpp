// A file in memory, read-only.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

#include "zenith/core/error.hpp"

namespace zenith::models {

/// A private mapping: what others write to the file later may or may not be seen; a file that is cut while mapped
/// raises SIGBUS.
class MappedFile {
 public:
  /// @returns io with the system's reason; bad_file when it is empty or no regular file.
  static Expected<MappedFile> open(const std::filesystem::path& path);
  MappedFile() = default;
  MappedFile(MappedFile&& o) noexcept;
  MappedFile& operator=(MappedFile&& o) noexcept;
  ~MappedFile();

  /// Advice: the whole pages among `part` may leave memory; they are read again from the file when somebody looks. A
  /// part that lies elsewhere is left alone.
  void release(std::span<const std::byte> part) const noexcept;

  std::span<const std::byte> bytes() const noexcept { return {static_cast<const std::byte*>(data_), size_}; }

 private:
  void* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace zenith::models
