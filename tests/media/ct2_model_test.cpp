// The reader of model.bin: a file built here, then every cut and many bit flips of it.
#include "ct2_model.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

namespace zenith::media {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Bytes {
 public:
  template <class T>
  Bytes& put(T value) {
    const auto* from = reinterpret_cast<const std::byte*>(&value);
    bytes.insert(bytes.end(), from, from + sizeof(T));
    return *this;
  }
  Bytes& text(const std::string& s) {
    put(static_cast<std::uint16_t>(s.size() + 1));
    for (const char c : s) put(c);
    return put('\0');
  }
  std::vector<std::byte> bytes;
};

std::vector<std::byte> good() {
  Bytes b;
  b.put(std::uint32_t{6}).text("WhisperSpec").put(std::uint32_t{3}).put(std::uint32_t{3});
  b.text("a")
      .put(std::uint8_t{2})
      .put(std::uint32_t{1})
      .put(std::uint32_t{2})
      .put(std::uint8_t{0})
      .put(std::uint32_t{8});
  b.put(1.5F).put(-2.0F);
  b.text("h").put(std::uint8_t{1}).put(std::uint32_t{3}).put(std::uint8_t{4}).put(std::uint32_t{6});
  b.put(std::uint16_t{0x3c00}).put(std::uint16_t{0xc500}).put(std::uint16_t{0x0001});
  b.text("n").put(std::uint8_t{0}).put(std::uint8_t{1}).put(std::uint32_t{1}).put(std::uint8_t{8});
  b.put(std::uint32_t{1}).text("alias").text("a");
  return b.bytes;
}

TEST(ct2_model, arrays_and_aliases_are_read) {
  const auto model = Ct2Model::parse(good());
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->spec(), "WhisperSpec");
  EXPECT_THAT(*model->floats("a", {1, 2}), ElementsAre(1.5F, -2.0F));
  EXPECT_THAT(*model->floats("alias", {1, 2}), ElementsAre(1.5F, -2.0F));
  EXPECT_THAT(*model->floats("h", {3}), ElementsAre(1.0F, -5.0F, std::ldexp(1.0F, -24)));
  EXPECT_THAT(model->floats("a", {2}).error().message, HasSubstr("has the shape [1, 2], not [2]"));
  EXPECT_THAT(model->floats("b", {2}).error().message, HasSubstr("'b' is missing"));
  EXPECT_THAT(model->floats("n", {}).error().message, HasSubstr("quantised"));
}

TEST(ct2_model, every_cut_and_every_addition_is_refused) {
  const auto bytes = good();
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    const auto model = Ct2Model::parse({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n)});
    ASSERT_FALSE(model) << n;
    EXPECT_EQ(model.error().code, Errc::bad_file);
  }
  auto more = bytes;
  more.push_back(std::byte{0});
  EXPECT_FALSE(Ct2Model::parse(std::move(more)));
}

TEST(ct2_model, a_flipped_bit_is_an_error_or_another_sound_model) {
  const auto bytes = good();
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    auto bad = bytes;
    bad[bit / 8] ^= std::byte{static_cast<unsigned char>(1U << (bit % 8))};
    const auto model = Ct2Model::parse(std::move(bad));
    if (!model) continue;
    (void)model->floats("a", {1, 2});
    (void)model->floats("h", {3});
  }
}

TEST(ct2_model, half_precision_is_exact) {
  EXPECT_EQ(half_to_float(0x3555), 0.333251953125F);
  EXPECT_EQ(half_to_float(0x7bff), 65504.0F);
  EXPECT_EQ(half_to_float(0x8000), -0.0F);
  EXPECT_TRUE(std::isinf(half_to_float(0x7c00)));
  EXPECT_TRUE(std::isnan(half_to_float(0x7e00)));
}

}  // namespace
}  // namespace zenith::media
