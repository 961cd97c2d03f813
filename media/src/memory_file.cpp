#include "memory_file.hpp"

extern "C" {
#include <libavutil/error.h>
#include <libavutil/log.h>
#include <libavutil/mem.h>
}

#include <algorithm>
#include <array>
#include <cstring>

namespace zenith::media {
namespace {

constexpr int kIoBuffer = 1 << 16;
constexpr std::size_t kLargestAllocation = std::size_t{256} << 20;  // by any demuxer or decoder
constexpr std::int64_t kProbe = 4 << 20;

int refuse_open(AVFormatContext*, AVIOContext**, const char*, int, AVDictionary**) { return AVERROR(EACCES); }

}  // namespace

std::string ffmpeg_reason(int error) {
  std::array<char, AV_ERROR_MAX_STRING_SIZE> text{};
  av_strerror(error, text.data(), text.size());
  return text.data();
}

int MemoryFile::read(void* self, std::uint8_t* to, int size) {
  auto& file = *static_cast<MemoryFile*>(self);
  const auto count = std::min<std::size_t>(static_cast<std::size_t>(std::max(size, 0)), file.bytes_.size() - file.at_);
  if (count == 0) return AVERROR_EOF;
  std::memcpy(to, file.bytes_.data() + file.at_, count);
  file.at_ += count;
  return static_cast<int>(count);
}

std::int64_t MemoryFile::seek(void* self, std::int64_t offset, int whence) {
  auto& file = *static_cast<MemoryFile*>(self);
  const auto size = static_cast<std::int64_t>(file.bytes_.size());
  if ((whence & AVSEEK_SIZE) != 0) return size;
  std::int64_t from = 0;
  switch (whence & ~AVSEEK_FORCE) {
    case SEEK_SET: break;
    case SEEK_CUR: from = static_cast<std::int64_t>(file.at_); break;
    case SEEK_END: from = size; break;
    default: return AVERROR(EINVAL);
  }
  if (offset < -from || offset > size - from) return AVERROR(EINVAL);
  file.at_ = static_cast<std::size_t>(from + offset);
  return from + offset;
}

Expected<std::unique_ptr<MemoryFile>> MemoryFile::open(std::span<const std::byte> bytes) {
  static const bool once = [] {
    av_log_set_level(AV_LOG_QUIET);
    av_max_alloc(kLargestAllocation);
    return true;
  }();
  static_cast<void>(once);
  std::unique_ptr<MemoryFile> file{new MemoryFile(bytes)};
  auto* buffer = static_cast<unsigned char*>(av_malloc(kIoBuffer));
  if (buffer == nullptr) return fail(Errc::out_of_memory, "no memory to read the file");
  file->io_ = avio_alloc_context(buffer, kIoBuffer, 0, file.get(), &MemoryFile::read, nullptr, &MemoryFile::seek);
  if (file->io_ == nullptr) {
    av_free(buffer);
    return fail(Errc::out_of_memory, "no memory to read the file");
  }
  file->format_ = avformat_alloc_context();
  if (file->format_ == nullptr) return fail(Errc::out_of_memory, "no memory to read the file");
  file->format_->pb = file->io_;
  file->format_->flags |= AVFMT_FLAG_CUSTOM_IO;
  file->format_->io_open = refuse_open;
  file->format_->probesize = kProbe;
  file->format_->max_probe_packets = 2500;
  file->format_->max_streams = 64;
  AVDictionary* options = nullptr;
  av_dict_set(&options, "protocol_whitelist", "none", 0);
  const int opened = avformat_open_input(&file->format_, nullptr, nullptr, &options);  // frees the context on failure
  av_dict_free(&options);
  if (opened < 0) {
    return fail(Errc::invalid_argument,
                "file: is no audio or video that can be read, or its beginning is damaged: " + ffmpeg_reason(opened),
                "file");
  }
  return file;
}

MemoryFile::~MemoryFile() {
  if (format_ != nullptr) avformat_close_input(&format_);
  if (io_ != nullptr) {
    av_freep(&io_->buffer);
    avio_context_free(&io_);
  }
}

}  // namespace zenith::media
