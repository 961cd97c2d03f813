// Dequantising against the `gguf` package's floats (tests/parity/kernels_golden.py), and half precision over its whole
// range.
#include "zenith/kernels/dequantize.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>

#include "support.hpp"

namespace zenith::kernels {
namespace {

using namespace testing_support;

struct Golden {
  std::vector<std::byte> bytes;
  std::vector<float> values;
};

Golden read_golden(const std::string& name) {
  std::ifstream file{std::string{ZENITH_TEST_DATA} + "/kernels/" + name, std::ios::binary};
  EXPECT_TRUE(file) << name;
  std::uint32_t sizes[2] = {};
  file.read(reinterpret_cast<char*>(sizes), sizeof sizes);
  Golden out{std::vector<std::byte>(sizes[0]), std::vector<float>(sizes[1])};
  file.read(reinterpret_cast<char*>(out.bytes.data()), sizes[0]);
  file.read(reinterpret_cast<char*>(out.values.data()), std::streamsize{4} * sizes[1]);
  EXPECT_TRUE(file) << name << " is shorter than it says";
  return out;
}

struct Case {
  DType type;
  const char* file;
};

class DequantizeGolden : public ::testing::TestWithParam<Case> {};

TEST_P(DequantizeGolden, has_the_bits_of_the_gguf_package) {
  const Golden golden = read_golden(GetParam().file);
  ASSERT_EQ(golden.bytes.size(), row_bytes(GetParam().type, golden.values.size()));
  std::vector<float> got(golden.values.size());
  ASSERT_TRUE(dequantize_row(GetParam().type, golden.bytes, got));
  for (std::size_t i = 0; i < got.size(); ++i) ASSERT_EQ(got[i], golden.values[i]) << i;
  std::vector<std::byte> moved(1);  // any alignment
  moved.insert(moved.end(), golden.bytes.begin(), golden.bytes.end());
  std::vector<float> again(got.size());
  ASSERT_TRUE(dequantize_row(GetParam().type, std::span{moved}.subspan(1), again));
  EXPECT_TRUE(same_bits(again, got));
}

INSTANTIATE_TEST_SUITE_P(kernels, DequantizeGolden,
                         ::testing::Values(Case{DType::q4_0, "q4_0.bin"}, Case{DType::q4_1, "q4_1.bin"},
                                           Case{DType::q5_0, "q5_0.bin"}, Case{DType::q5_1, "q5_1.bin"},
                                           Case{DType::q8_0, "q8_0.bin"}, Case{DType::q4_k, "q4_k.bin"},
                                           Case{DType::q5_k, "q5_k.bin"}, Case{DType::q6_k, "q6_k.bin"},
                                           Case{DType::f16, "f16.bin"}, Case{DType::bf16, "bf16.bin"}),
                         [](const auto& i) { return std::string{dtype_info(i.param.type).name}; });

TEST(Dequantize, integers_have_no_float_meaning) {
  for (const DType type : {DType::i8, DType::i16, DType::i32, DType::i64}) {
    std::vector<float> out(1);
    const Status status = dequantize_row(type, std::vector<std::byte>(8), out);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, Errc::unsupported);
  }
}

TEST(Half, to_f16_is_what_numpy_does) {
  const Golden golden = read_golden("f32_to_f16.bin");
  for (std::size_t i = 0; i < golden.values.size(); ++i) {
    std::uint16_t want;
    std::memcpy(&want, golden.bytes.data() + 2 * i, 2);
    ASSERT_EQ(f32_to_f16(golden.values[i]), want) << golden.values[i];
  }
}

TEST(Half, every_f16_survives_the_way_there_and_back) {
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const float value = f16_to_f32(static_cast<std::uint16_t>(bits));
    if ((bits & 0x7FFFU) > 0x7C00U)
      ASSERT_TRUE(std::isnan(value) && (f32_to_f16(value) & 0x7FFFU) > 0x7C00U) << bits;
    else
      ASSERT_EQ(f32_to_f16(value), bits);
  }
}

TEST(Half, bf16_rounds_to_nearest_even_and_keeps_nan) {
  EXPECT_EQ(f32_to_bf16(1.0F), 0x3F80);
  EXPECT_EQ(f32_to_bf16(1.00390625F), 0x3F80);  // half way: to even
  EXPECT_EQ(f32_to_bf16(1.01171875F), 0x3F82);  // half way: to even
  EXPECT_EQ(f32_to_bf16(1.00390637F), 0x3F81);
  EXPECT_EQ(f32_to_bf16(3.4e38F), 0x7F80);  // rounds up to infinity
  EXPECT_TRUE(std::isnan(bf16_to_f32(f32_to_bf16(std::numeric_limits<float>::quiet_NaN()))));
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const float value = bf16_to_f32(static_cast<std::uint16_t>(bits));
    if (!std::isnan(value)) {
      ASSERT_EQ(f32_to_bf16(value), bits);
    }
  }
}

}  // namespace
}  // namespace zenith::kernels
