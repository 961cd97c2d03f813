#include "zenith/core/bitmap.hpp"

#include <gtest/gtest.h>

namespace zenith {
namespace {

TEST(bitmap, has_its_rows_from_below_and_blue_first) {
  const std::string rgb = std::string("\xff\x00\x01", 3) + std::string(6, '\x07') + std::string(9, '\x08');
  const auto file = bitmap_of(std::as_bytes(std::span{rgb}), 3, 2);
  ASSERT_TRUE(file);
  ASSERT_EQ(file->size(), 54U + 2 * 12) << "rows of nine bytes take twelve";
  EXPECT_EQ(file->size(), bitmap_bytes(3, 2));
  EXPECT_EQ(file->substr(0, 6), std::string("BM\x4e\x00\x00\x00", 6));
  EXPECT_EQ(file->substr(18, 8), std::string("\x03\x00\x00\x00\x02\x00\x00\x00", 8)) << "width, height";
  EXPECT_EQ(file->substr(54, 12), std::string(9, '\x08') + std::string(3, '\0')) << "the last row comes first";
  EXPECT_EQ(file->substr(66, 4), std::string("\x01\x00\xff\x07", 4)) << "blue comes first";
}

TEST(bitmap, that_cannot_say_its_size_is_refused) {
  const auto file = bitmap_of({}, 30'000, 30'000);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, Errc::payload_too_large);
}

}  // namespace
}  // namespace zenith
