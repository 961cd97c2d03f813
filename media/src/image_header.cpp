#include "image_header.hpp"

#include <optional>
#include <string>

namespace zenith::media {
namespace {

struct Size {
  std::uint32_t width = 0, height = 0;
};

/// Numbers at offsets; 0 beyond the end, which no size may be.
class Bytes {
 public:
  explicit Bytes(std::span<const std::byte> bytes) : bytes_(bytes) {}
  std::size_t size() const noexcept { return bytes_.size(); }
  std::uint32_t u8(std::size_t at) const noexcept {
    return at < size() ? std::to_integer<std::uint32_t>(bytes_[at]) : 0;
  }
  std::uint32_t le(std::size_t at, int count) const noexcept {
    std::uint32_t value = 0;
    for (int i = count - 1; i >= 0; --i) value = (value << 8) | u8(at + static_cast<std::size_t>(i));
    return value;
  }
  std::uint32_t be(std::size_t at, int count) const noexcept {
    std::uint32_t value = 0;
    for (int i = 0; i < count; ++i) value = (value << 8) | u8(at + static_cast<std::size_t>(i));
    return value;
  }
  bool has(std::size_t at, std::string_view text) const noexcept {
    if (at + text.size() > size()) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (u8(at + i) != static_cast<unsigned char>(text[i])) return false;
    }
    return true;
  }

 private:
  std::span<const std::byte> bytes_;
};

std::optional<ImageFormat> format_of(const Bytes& b) {
  if (b.has(0, "\x89PNG\r\n\x1a\n")) return ImageFormat::png;
  if (b.has(0, "\xff\xd8\xff")) return ImageFormat::jpeg;
  if (b.has(0, "RIFF") && b.has(8, "WEBP")) return ImageFormat::webp;
  if (b.has(0, "GIF87a") || b.has(0, "GIF89a")) return ImageFormat::gif;
  if (b.has(0, "BM")) return ImageFormat::bmp;
  using namespace std::string_view_literals;
  if (b.has(0, "II*\0"sv) || b.has(0, "MM\0*"sv)) return ImageFormat::tiff;
  return std::nullopt;
}

/// Markers up to the frame header (SOF).
Size jpeg_size(const Bytes& b) {
  for (std::size_t at = 2; at + 9 < b.size();) {
    if (b.u8(at) != 0xff) return {};
    const std::uint32_t marker = b.u8(at + 1);
    if (marker == 0xff) {  // fill
      ++at;
      continue;
    }
    const bool frame = marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
    if (frame) return {b.be(at + 7, 2), b.be(at + 5, 2)};
    const bool alone = marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8);
    at += 2 + (alone ? 0 : std::max<std::size_t>(2, b.be(at + 2, 2)));
  }
  return {};
}

constexpr std::uint32_t kAnimation = 2;  // of VP8X's flags

Size webp_size(const Bytes& b) {
  if (b.has(12, "VP8X")) return {b.le(24, 3) + 1, b.le(27, 3) + 1};
  if (b.has(12, "VP8L") && b.u8(20) == 0x2f) {
    const std::uint32_t bits = b.le(21, 4);
    return {(bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1};
  }
  if (b.has(12, "VP8 ") && b.has(23, "\x9d\x01\x2a")) return {b.le(26, 2) & 0x3fff, b.le(28, 2) & 0x3fff};
  return {};
}

/// The first directory's tags for width and height.
Size tiff_size(const Bytes& b) {
  const bool little = b.u8(0) == 'I';
  const auto number = [&](std::size_t at, int count) { return little ? b.le(at, count) : b.be(at, count); };
  const std::size_t directory = number(4, 4);
  const std::uint32_t entries = number(directory, 2);
  Size size;
  for (std::uint32_t i = 0; i < entries && directory + 2 + std::size_t{i} * 12 + 12 <= b.size(); ++i) {
    const std::size_t at = directory + 2 + std::size_t{i} * 12;
    const std::uint32_t tag = number(at, 2), type = number(at + 2, 2);
    if (type != 3 && type != 4) continue;  // short, long
    const std::uint32_t value = number(at + 8, type == 3 ? 2 : 4);
    if (tag == 256) size.width = value;
    if (tag == 257) size.height = value;
  }
  return size;
}

Size bmp_size(const Bytes& b) {
  if (b.le(14, 4) == 12) return {b.le(18, 2), b.le(20, 2)};    // of OS/2
  const auto height = static_cast<std::int32_t>(b.le(22, 4));  // negative: the rows come from the top
  return {b.le(18, 4), height < 0 ? 0U - static_cast<std::uint32_t>(height) : static_cast<std::uint32_t>(height)};
}

Size size_of(ImageFormat format, const Bytes& b) {
  switch (format) {
    case ImageFormat::png: return {b.be(16, 4), b.be(20, 4)};
    case ImageFormat::jpeg: return jpeg_size(b);
    case ImageFormat::webp: return webp_size(b);
    case ImageFormat::gif: return {b.le(6, 2), b.le(8, 2)};
    case ImageFormat::bmp: return bmp_size(b);
    case ImageFormat::tiff: return tiff_size(b);
  }
  return {};
}

tl::unexpected<Error> bad_image(std::string what) { return fail(Errc::invalid_argument, "image: " + what, "image"); }

std::string what_instead(const Bytes& b) {
  std::size_t at = 0;
  while (at < b.size() && at < 1024 && b.u8(at) <= ' ') ++at;
  if (b.has(at, "<svg") || b.has(at, "<?xml") || b.has(at, "<!DOCTYPE svg")) return "SVG is not served; ";
  if (b.has(4, "ftyp")) return "HEIF, AVIF and videos are not served; ";
  if (b.has(0, "%PDF")) return "PDF is not served; ";
  return {};
}

}  // namespace

std::string_view name_of(ImageFormat format) noexcept {
  switch (format) {
    case ImageFormat::png: return "PNG";
    case ImageFormat::jpeg: return "JPEG";
    case ImageFormat::webp: return "WebP";
    case ImageFormat::gif: return "GIF";
    case ImageFormat::bmp: return "BMP";
    case ImageFormat::tiff: return "TIFF";
  }
  return "picture";
}

Expected<ImageHeader> read_image_header(std::span<const std::byte> bytes) {
  if (bytes.empty()) return bad_image("it is empty");
  const Bytes b{bytes};
  const auto format = format_of(b);
  if (!format) return bad_image(what_instead(b) + "it is none of PNG, JPEG, WebP, GIF, BMP and TIFF");
  if (*format == ImageFormat::webp && b.has(12, "VP8X") && (b.u8(20) & kAnimation) != 0) {
    return fail(Errc::unsupported, "image: animated WebP is not served: send one of its pictures", "image");
  }
  const Size size = size_of(*format, b);
  if (size.width == 0 || size.height == 0) {
    return bad_image("the " + std::string{name_of(*format)} + " does not say its size: it is cut off or damaged");
  }
  return ImageHeader{*format, size.width, size.height};
}

}  // namespace zenith::media
