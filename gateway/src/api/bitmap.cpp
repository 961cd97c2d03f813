#include "api/bitmap.hpp"

#include <fmt/format.h>

namespace zenith::gateway {
namespace {

constexpr std::size_t kHead = 14, kInfo = 40, kMostBytes = std::size_t{1} << 31;

void put(std::string& out, std::size_t at, std::size_t value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) out[at + i] = static_cast<char>(value >> (8 * i));
}

}  // namespace

// BITMAPFILEHEADER, BITMAPINFOHEADER, then rows from the bottom, blue first, each a multiple of four bytes.
Expected<std::string> bitmap_of(const messages::Frames& frames) {
  const std::size_t height = frames.dims[0], width = frames.dims[1];
  const std::size_t row = width * 3, stride = (row + 3) / 4 * 4;
  if (stride * height >= kMostBytes) {
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
  const auto* frame = reinterpret_cast<const char*>(frames.data.data()) + (frames.heads.size() - 1) * row * height;
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

}  // namespace zenith::gateway
