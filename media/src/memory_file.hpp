// A file in memory as FFmpeg's input, and nothing else: what a hostile file names is not opened.
#pragma once

extern "C" {
#include <libavformat/avformat.h>
}

#include <cstddef>
#include <memory>
#include <span>

#include "zenith/core/error.hpp"

namespace zenith::media {

/// "Invalid data found when processing input"
std::string ffmpeg_reason(int error);

/// An opened container. One thread.
class MemoryFile {
 public:
  /// @returns invalid_argument (param "file") when no demuxer knows the bytes.
  static Expected<std::unique_ptr<MemoryFile>> open(std::span<const std::byte> bytes);
  ~MemoryFile();
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  AVFormatContext* format() noexcept { return format_; }

 private:
  explicit MemoryFile(std::span<const std::byte> bytes) : bytes_(bytes) {}
  static int read(void* self, std::uint8_t* to, int size);
  static std::int64_t seek(void* self, std::int64_t offset, int whence);

  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
  AVIOContext* io_ = nullptr;
  AVFormatContext* format_ = nullptr;
};

}  // namespace zenith::media
