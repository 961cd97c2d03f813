#include "image_whole.hpp"

#include <zlib.h>

#include <array>
#include <cstdint>
#include <cstring>

namespace zenith::media {
namespace {

using Bytes = std::span<const std::byte>;

std::uint32_t u8(Bytes b, std::size_t at) { return at < b.size() ? std::to_integer<std::uint32_t>(b[at]) : 0; }
std::uint32_t be32(Bytes b, std::size_t at) {
  return (u8(b, at) << 24) | (u8(b, at + 1) << 16) | (u8(b, at + 2) << 8) | u8(b, at + 3);
}

/// Counts what a zlib stream gives; the stream may come in pieces.
class Inflated {
 public:
  Inflated() { open_ = inflateInit(&stream_) == Z_OK; }
  Inflated(const Inflated&) = delete;
  Inflated& operator=(const Inflated&) = delete;
  ~Inflated() {
    if (open_) inflateEnd(&stream_);
  }
  /// @param most stop counting there.
  void take(Bytes piece, std::uint64_t most) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(piece.data()));
    stream_.avail_in = static_cast<uInt>(piece.size());
    while (open_ && !broken_ && count_ < most && stream_.avail_in > 0) {
      stream_.next_out = scratch_.data();
      stream_.avail_out = static_cast<uInt>(scratch_.size());
      const int result = inflate(&stream_, Z_NO_FLUSH);
      count_ += scratch_.size() - stream_.avail_out;
      broken_ = result != Z_OK;  // the stream's end, too: nothing comes after it
    }
  }
  std::uint64_t count() const noexcept { return count_; }

 private:
  z_stream stream_{};
  bool open_ = false, broken_ = false;
  std::uint64_t count_ = 0;
  std::array<Bytef, 1u << 15> scratch_;
};

/// A filter byte and the pixels of each row; Adam7's passes have more rows, each shorter: at least the pixels.
std::uint64_t png_bytes(Bytes b, const ImageHeader& header) {
  constexpr std::array<std::uint32_t, 7> kChannels{1, 0, 3, 1, 2, 0, 4};
  const std::uint32_t depth = u8(b, 24), colour = u8(b, 25);
  const bool interlaced = u8(b, 28) != 0;
  if (colour >= kChannels.size() || kChannels[colour] == 0) return 0;
  const std::uint64_t bits = std::uint64_t{header.width} * depth * kChannels[colour];
  return interlaced ? bits * header.height / 8 : (1 + (bits + 7) / 8) * header.height;
}

bool png_is_whole(Bytes b, const ImageHeader& header) {
  const std::uint64_t needed = png_bytes(b, header);
  Inflated pixels;
  for (std::size_t at = 8; at + 12 <= b.size();) {
    const std::size_t size = be32(b, at);
    if (size > b.size() - at - 12) return false;
    if (std::memcmp(b.data() + at + 4, "IDAT", 4) == 0) pixels.take(b.subspan(at + 8, size), needed);
    if (std::memcmp(b.data() + at + 4, "IEND", 4) == 0) break;
    at += 12 + size;
  }
  return needed > 0 && pixels.count() >= needed;
}

/// The end mark behind the last scan.
bool jpeg_is_whole(Bytes b) {
  for (std::size_t i = b.size(); i >= 2; --i) {
    if (u8(b, i - 2) != 0xff) continue;
    if (u8(b, i - 1) == 0xd9) return true;
    if (u8(b, i - 1) == 0xda) return false;
  }
  return false;
}

bool webp_is_whole(Bytes b) {
  const std::uint64_t says = u8(b, 4) | (u8(b, 5) << 8) | (u8(b, 6) << 16) | (std::uint64_t{u8(b, 7)} << 24);
  return b.size() >= 12 && says + 8 <= b.size() + 1;  // the padding byte is often left out
}

/// Blocks up to the end of the first picture's. @returns false when the file ends before.
bool gif_is_whole(Bytes b) {
  const auto table = [](std::uint32_t flags) { return (flags & 0x80) != 0 ? std::size_t{3} << ((flags & 7) + 1) : 0; };
  const auto skip_blocks = [&](std::size_t& at) {
    while (u8(b, at) != 0) at += 1 + u8(b, at);
    return at++ < b.size();
  };
  std::size_t at = 13 + table(u8(b, 10));
  while (at < b.size()) {
    if (u8(b, at) == 0x21) {  // an extension
      at += 2;
      if (!skip_blocks(at)) return false;
    } else if (u8(b, at) == 0x2c) {  // a picture
      at += 10 + table(u8(b, at + 9)) + 1;
      return skip_blocks(at);
    } else {
      return false;
    }
  }
  return false;
}

}  // namespace

bool is_whole(Bytes bytes, const ImageHeader& header) {
  switch (header.format) {
    case ImageFormat::png: return png_is_whole(bytes, header);
    case ImageFormat::jpeg: return jpeg_is_whole(bytes);
    case ImageFormat::webp: return webp_is_whole(bytes);
    case ImageFormat::gif: return gif_is_whole(bytes);
    case ImageFormat::bmp:
    case ImageFormat::tiff: return true;
  }
  return false;
}

}  // namespace zenith::media
