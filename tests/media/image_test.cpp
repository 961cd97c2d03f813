// Pictures from bytes: formats, orientation, transparency, and what hostile bytes may not do.
#include "zenith/media/image.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <zlib.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <string>

#include "image_header.hpp"

namespace zenith::media {
namespace {

using testing::HasSubstr;

std::string file(const std::string& name) {
  std::ifstream in{std::string{ZENITH_TEST_DATA} + "/vision/" + name, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

Expected<Image> decode(const std::string& bytes, const ImageLimits& limits = {}) {
  return decode_image(std::as_bytes(std::span{bytes.data(), bytes.size()}), limits);
}

/// blue, green, red
std::array<int, 3> pixel(const Image& image, std::uint32_t x, std::uint32_t y) {
  const auto* at = image.bgr.data() + (std::size_t{y} * image.width + x) * 3;
  return {at[0], at[1], at[2]};
}

MATCHER_P(NearColour, wanted, "") {
  for (std::size_t c = 0; c < 3; ++c) {
    if (std::abs(arg[c] - wanted[c]) > 6) return false;
  }
  return true;
}

constexpr std::array<int, 3> kRed{0, 0, 255}, kGreen{0, 255, 0}, kBlue{255, 0, 0}, kWhite{255, 255, 255};

// All are 24 x 16: red at the top left, green at the top right, blue at the bottom left, white at the bottom right.
class Formats : public testing::TestWithParam<const char*> {};
TEST_P(Formats, are_read_with_their_colours_in_place) {
  const auto image = decode(file(GetParam()));
  ASSERT_TRUE(image) << image.error().message;
  ASSERT_EQ(image->width, 24U);
  ASSERT_EQ(image->height, 16U);
  ASSERT_EQ(image->bgr.size(), 24U * 16 * 3);
  EXPECT_THAT(pixel(*image, 4, 4), NearColour(kRed));
  EXPECT_THAT(pixel(*image, 20, 4), NearColour(kGreen));
  EXPECT_THAT(pixel(*image, 4, 12), NearColour(kBlue));
  EXPECT_THAT(pixel(*image, 20, 12), NearColour(kWhite));
}
INSTANTIATE_TEST_SUITE_P(media, Formats,
                         testing::Values("small/rgb.png", "small/palette.png", "small/rgb.jpg", "small/turned_6.jpg",
                                         "small/turned_3.jpg", "small/lossy.webp", "small/lossless.webp",
                                         "small/first.gif", "small/rgb.bmp", "small/rgb.tiff", "small/transparent.png",
                                         "small/cmyk.jpg", "small/deep.png", "small/progressive.jpg"),
                         [](const auto& i) {
                           std::string name{i.param};
                           for (char& c : name) {
                             if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
                           }
                           return name;
                         });

struct BadImage {
  const char* name;
  std::string bytes;
  Errc code;
  const char* says;
};
class BadImages : public testing::TestWithParam<BadImage> {};
TEST_P(BadImages, are_refused_with_the_reason) {
  const auto image = decode(GetParam().bytes, {1u << 20, 50'000'000});
  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().code, GetParam().code) << image.error().message;
  EXPECT_EQ(image.error().param, "image");
  EXPECT_THAT(image.error().message, HasSubstr(GetParam().says));
}

/// A PNG's head of that size and nothing behind it.
std::string png_head(std::uint32_t width, std::uint32_t height) {
  std::string out = file("small/rgb.png").substr(0, 33);
  for (int i = 0; i < 4; ++i) {
    out[16 + static_cast<std::size_t>(i)] = static_cast<char>(width >> (24 - 8 * i));
    out[20 + static_cast<std::size_t>(i)] = static_cast<char>(height >> (24 - 8 * i));
  }
  return out;
}

INSTANTIATE_TEST_SUITE_P(
    media, BadImages,
    testing::Values(
        BadImage{"bomb", png_head(30'000, 30'000), Errc::payload_too_large, "900000000 pixels, at most 50000000"},
        BadImage{"overflow", png_head(0xffffffff, 0xffffffff), Errc::payload_too_large, "pixels"},
        BadImage{"nothing", "", Errc::invalid_argument, "empty"},
        BadImage{"text", "Hello, this is a text file.", Errc::invalid_argument, "none of PNG, JPEG"},
        BadImage{"svg", "<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\"/>", Errc::invalid_argument,
                 "SVG is not served"},
        BadImage{"heic",
                 std::string{"\0\0\0\x18"
                             "ftypheic\0\0\0\0mif1heic",
                             24},
                 Errc::invalid_argument, "none of PNG, JPEG"},
        BadImage{"avif",
                 std::string{"\0\0\0\x18"
                             "ftypavif\0\0\0\0mif1avif",
                             24},
                 Errc::invalid_argument, "none of PNG, JPEG"},
        BadImage{"svg_behind_a_mark", "\xef\xbb\xbf  <svg xmlns=\"http://www.w3.org/2000/svg\"/>",
                 Errc::invalid_argument, "none of PNG, JPEG"},
        BadImage{"animated_webp", file("small/animated.webp"), Errc::unsupported, "animated WebP is not served"},
        BadImage{"truncated_png", file("small/rgb.png").substr(0, 60), Errc::invalid_argument, "PNG is cut off"},
        BadImage{"png_without_size", file("small/rgb.png").substr(0, 18), Errc::invalid_argument,
                 "does not say its size"},
        BadImage{"truncated_jpeg", file("small/rgb.jpg").substr(0, file("small/rgb.jpg").size() * 3 / 4),
                 Errc::invalid_argument, "JPEG is cut off"},
        BadImage{"truncated_webp", file("small/lossy.webp").substr(0, 60), Errc::invalid_argument, "WebP is cut off"},
        BadImage{"truncated_gif", file("small/first.gif").substr(0, 40), Errc::invalid_argument, "GIF is cut off"},
        BadImage{"truncated_bmp", file("small/rgb.bmp").substr(0, 200), Errc::invalid_argument, "BMP is cut off"},
        BadImage{"truncated_tiff", file("small/rgb.tiff").substr(0, 100), Errc::invalid_argument, "TIFF"},
        BadImage{"large_file", std::string(1u << 21, 'x'), Errc::payload_too_large, "2097152 bytes, at most 1048576"}),
    [](const auto& i) { return std::string{i.param.name}; });

TEST(image, the_limit_is_exact_and_counts_pixels) {
  EXPECT_TRUE(decode(file("small/rgb.png"), {1u << 20, 24 * 16}));
  EXPECT_EQ(decode(file("small/rgb.png"), {1u << 20, 24 * 16 - 1}).error().code, Errc::payload_too_large);
}

std::string chunk(const char* name, const std::string& body) {
  const auto be32 = [](std::uint32_t v) {
    std::string out(4, '\0');
    for (std::size_t i = 0; i < 4; ++i) out[i] = static_cast<char>(v >> (24 - 8 * i));
    return out;
  };
  const std::string named = name + body;
  const auto crc = crc32(0, reinterpret_cast<const Bytef*>(named.data()), static_cast<uInt>(named.size()));
  return be32(static_cast<std::uint32_t>(body.size())) + named + be32(static_cast<std::uint32_t>(crc));
}

std::string deflated(std::size_t zeros) {
  const std::string raw(zeros, '\0');
  std::string out(compressBound(static_cast<uLong>(zeros)), '\0');
  uLongf size = out.size();
  EXPECT_EQ(compress(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(raw.data()), zeros),
            Z_OK);
  return out.substr(0, size);
}

long peak_kib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

// 24 x 16 pixels say the head; 64 MiB are in it.
TEST(image, what_a_png_holds_beyond_its_pixels_is_not_unpacked) {
  const std::string packed = deflated(std::size_t{64} << 20);
  const std::string bomb = file("small/rgb.png").substr(0, 33) + chunk("IDAT", packed) + chunk("IEND", "");
  const std::string text = file("small/rgb.png").substr(0, 33) + chunk("zTXt", std::string{"Comment\0\0", 9} + packed) +
                           file("small/rgb.png").substr(33);
  ASSERT_LT(bomb.size(), 200'000U);
  const long before = peak_kib();
  const auto decoded = decode(bomb);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(decoded->bgr.size(), 24U * 16 * 3);
  EXPECT_TRUE(decode(text)) << "a comment is no picture";
  EXPECT_LT(peak_kib() - before, 32 * 1024);
}

// The first picture is the one that is read, and nothing behind it.
TEST(image, an_animation_costs_as_much_as_its_first_picture) {
  const std::string whole = file("small/first.gif");
  const std::size_t head = 13 + (std::size_t{3} << ((static_cast<unsigned char>(whole[10]) & 7) + 1));
  const std::string pictures = whole.substr(head, whole.size() - head - 1);
  std::string gif = whole.substr(0, head);
  for (int i = 0; i < 20'000; ++i) gif += pictures;
  gif += ';';
  const auto image = decode(gif);
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_THAT(pixel(*image, 4, 4), NearColour(kRed));
  const auto started = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) static_cast<void>(decode(gif));
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds{10}) << "20 readings of 40,000 pictures";
}

TEST(image, every_prefix_and_every_flipped_byte_gives_a_picture_or_an_error) {
  for (const char* name :
       {"small/rgb.png", "small/rgb.jpg", "small/lossy.webp", "small/first.gif", "small/rgb.bmp", "small/rgb.tiff",
        "small/cmyk.jpg", "small/deep.png", "small/progressive.jpg", "small/animated.webp"}) {
    const std::string whole = file(name);
    for (std::size_t n = 0; n < whole.size(); n += 7) {
      static_cast<void>(decode(whole.substr(0, n)));
      std::string flipped = whole;
      flipped[n] = static_cast<char>(flipped[n] ^ 0x55);
      const auto image = decode(flipped, {1u << 20, 1u << 20});
      if (!image) continue;
      EXPECT_EQ(image->bgr.size(), std::size_t{image->width} * image->height * 3) << name << " byte " << n;
    }
  }
}

}  // namespace
}  // namespace zenith::media
