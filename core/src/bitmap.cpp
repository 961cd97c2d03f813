#include "zenith/core/bitmap.hpp"

#include <fmt/format.h>

namespace zenith {
namespace {

constexpr std::size_t kHead = 14, kInfo = 40, kMostBytes = std::size_t{1} << 31;

std::size_t stride_of(std::size_t width) noexcept { return (width * 3 + 3) / 4 * 4; }

void put(std::string& out, std::size_t at, std::size_t value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) out[at + i] = static_cast<char>(value >> (8 * i));
}

}  // namespace

std::size_t bitmap_bytes(std::uint32_t width, std::uint32_t height) noexcept {
  return kHead + kInfo + stride_of(width) * height;
}

// BITMAPFILEHEADER, BITMAPINFOHEADER, then rows from the bottom, blue first, each a multiple of four bytes.
Expected<std::string> bitmap_of(std::span<const std::byte> rgb, std::uint32_t width, std::uint32_t height) {
  const std::size_t row = std::size_t{width} * 3, stride = stride_of(width);
  if (bitmap_bytes(width, height) >= kMostBytes) {
    return fail(Errc::payload_too_large,
                fmt::format("a picture of {} x {} pixels is too large for a BMP", width, height));
  }
  std::string out(kHead + kInfo + stride * height, '\0');
  out[0] = 'B';
  out[1] = 'M';
  put(out, 2, out.size(), 4);
  put(out, 10, kHead + kInfo, 4);
  put(out, 14, kInfo, 4);
  put(out, 18, width, 4);
  put(out, 22, height, 4);
  put(out, 26, 1, 2);
  put(out, 28, 24, 2);
  put(out, 34, stride * height, 4);
  const auto* frame = reinterpret_cast<const char*>(rgb.data());
  for (std::size_t y = 0; y < height; ++y) {
    const char* from = frame + row * y;
    char* to = out.data() + kHead + kInfo + stride * (height - 1 - y);
    for (std::size_t x = 0; x < row; x += 3) {
      to[x] = from[x + 2];
      to[x + 1] = from[x + 1];
      to[x + 2] = from[x];
    }
  }
  return out;
}

}  // namespace zenith
