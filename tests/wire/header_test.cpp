#include <gmock/gmock.h>

#include <random>

#include "samples.hpp"

namespace zenith::wire {
namespace {

TEST(header, comes_back_as_it_was) {
  const Header h = full_header();
  const auto back = decode(encoded(h));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(*back, h);
}

TEST(header, lies_at_any_address_and_may_be_followed_by_more) {
  const auto bytes = encoded(full_header());
  for (std::size_t shift = 0; shift < 64; shift += 5) {
    std::vector<std::byte> room(shift + kHeaderBytes + 9);
    std::memcpy(room.data() + shift, bytes.data(), bytes.size());
    const auto back = decode(std::span{room}.subspan(shift));
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(*back, full_header());
  }
}

TEST(header, every_length_below_128_is_refused) {
  const auto bytes = encoded(full_header());
  for (std::size_t n = 0; n < kHeaderBytes; ++n) {
    const auto back = decode(std::span{bytes}.first(n));
    ASSERT_FALSE(back);
    EXPECT_EQ(back.error().code, Errc::bad_frame);
    EXPECT_EQ(back.error().param, "length");
  }
}

TEST(header, every_flipped_bit_is_an_error) {
  const auto good = encoded(full_header());
  for (std::size_t bit = 0; bit < kHeaderBytes * 8; ++bit) {
    auto bytes = good;
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    const auto back = decode(bytes);
    ASSERT_FALSE(back) << "bit " << bit;
    EXPECT_EQ(back.error().code, bit / 8 == 4 ? Errc::unsupported : Errc::bad_frame) << "bit " << bit;
  }
}

TEST(header, another_major_is_refused_with_both_versions_even_when_its_hash_is_another) {
  auto bytes = encoded(full_header());
  bytes[4] = std::byte{7};
  bytes[5] = std::byte{3};
  const auto back = decode(bytes);
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().code, Errc::unsupported);
  EXPECT_THAT(back.error().message, testing::AllOf(testing::HasSubstr("7.3"), testing::HasSubstr("1.0")));
}

TEST(header, a_later_minor_with_a_longer_header_is_read) {
  std::vector<std::byte> bytes(kHeaderBytes + 40, std::byte{0xee});
  encode(full_header(), std::span<std::byte, kHeaderBytes>{bytes.data(), kHeaderBytes});
  bytes[5] = std::byte{9};
  bytes[6] = std::byte{kHeaderBytes + 40};
  rehash(bytes.data());
  const auto back = decode(bytes);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->minor, 9);
  EXPECT_EQ(back->request_id, full_header().request_id);
  EXPECT_EQ(encoded_header_bytes(bytes), kHeaderBytes + 40);
}

struct BadCase {
  std::string_view name;
  std::size_t at;
  std::uint8_t value;
  std::string_view field;
};
class BadHeader : public testing::TestWithParam<BadCase> {};

TEST_P(BadHeader, names_the_field) {
  auto bytes = encoded(full_header());
  bytes[GetParam().at] = static_cast<std::byte>(GetParam().value);
  rehash(bytes.data());
  const auto back = decode(bytes);
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().code, Errc::bad_frame);
  EXPECT_EQ(back.error().param, GetParam().field);
}

INSTANTIATE_TEST_SUITE_P(header, BadHeader,
                         testing::Values(BadCase{"magic", 0, 'X', "magic"}, BadCase{"shorter_header", 6, 120, "length"},
                                         BadCase{"header_of_odd_length", 6, 129, "length"},
                                         BadCase{"header_longer_than_the_frame", 6, 136, "length"},
                                         BadCase{"kind_0", 8, 0, "kind"}, BadCase{"kind_14", 8, 14, "kind"},
                                         BadCase{"kind_over_255", 9, 1, "kind"},
                                         BadCase{"must_understand_flag", 11, 0x80, "flags"},
                                         BadCase{"rows", 12, 9, "rows"}, BadCase{"no_frames", 13, 0, "frames"},
                                         BadCase{"more_frames_than_rows", 13, 2, "frames"}),
                         [](const auto& i) { return std::string{i.param.name}; });

TEST(header, an_unknown_flag_that_may_be_ignored_is_ignored) {
  auto bytes = encoded(full_header());
  bytes[10] |= std::byte{0x40};
  rehash(bytes.data());
  EXPECT_TRUE(decode(bytes));
}

TEST(header, random_bytes_never_pass) {
  std::mt19937_64 random{4};
  for (int round = 0; round < 20000; ++round) {
    HeaderBytes bytes;
    for (auto& b : bytes) b = static_cast<std::byte>(random());
    if (round % 2 == 0) std::memcpy(bytes.data(), "ZNW1\x01\x00\x80\x00", 8);
    EXPECT_FALSE(decode(bytes));
  }
}

TEST(header, every_kind_has_a_name_and_comes_back) {
  for (auto kind = static_cast<int>(Kind::hello); kind <= static_cast<int>(Kind::goodbye); ++kind) {
    Header h;
    h.kind = static_cast<Kind>(kind);
    EXPECT_NE(to_string(h.kind), "unknown");
    EXPECT_EQ(decode(encoded(h))->kind, h.kind);
  }
}

}  // namespace
}  // namespace zenith::wire
