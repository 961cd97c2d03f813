// Quantising against the reference quantisers' blocks (tests/parity/quantize_golden.py).
#include "zenith/kernels/quantize_row.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>

#include "support.hpp"
#include "zenith/kernels/dequantize.hpp"

namespace zenith::kernels {
namespace {

using namespace testing_support;

constexpr std::size_t kRows = 6, kColumns = 1024;
constexpr DType kSearched[] = {DType::q4_k, DType::q5_k, DType::q6_k};

std::vector<std::byte> read_file(const std::string& name) {
  std::ifstream file{std::string{ZENITH_TEST_DATA} + "/kernels/quantize_" + name + ".bin", std::ios::binary};
  EXPECT_TRUE(file) << name;
  const std::string text{std::istreambuf_iterator<char>{file}, {}};
  const auto bytes = std::as_bytes(std::span{text});
  return {bytes.begin(), bytes.end()};
}

std::string lower(std::string_view name) {
  std::string out;
  for (const char c : name) out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::vector<float> read_rows() {
  const auto bytes = read_file("rows");
  std::vector<float> out(bytes.size() / sizeof(float));
  std::memcpy(out.data(), bytes.data(), bytes.size());
  EXPECT_EQ(out.size(), kRows * kColumns);
  return out;
}

std::vector<std::byte> quantized(DType type, std::span<const float> row) {
  std::vector<std::byte> out(row_bytes(type, row.size()));
  const Status ok = quantize_row(type, row, out);
  EXPECT_TRUE(ok) << (ok ? "" : ok.error().message);
  return out;
}

struct Miss {
  double plain = 0, weighted = 0;  ///< squared error; weighted by the weight's magnitude
};

Miss miss(DType type, std::span<const float> row, std::span<const std::byte> bytes) {
  std::vector<float> got(row.size());
  EXPECT_TRUE(dequantize_row(type, bytes, got));
  Miss out;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const double d = static_cast<double>(got[i]) - row[i];
    out.plain += d * d;
    out.weighted += d * d * std::abs(row[i]);
  }
  return out;
}

class QuantizeGolden : public ::testing::TestWithParam<DType> {};

TEST_P(QuantizeGolden, has_the_bits_of_the_gguf_package) {
  const auto rows = read_rows();
  const auto want = read_file(lower(dtype_info(GetParam()).name));
  EXPECT_EQ(quantized(GetParam(), rows), want);
}

INSTANTIATE_TEST_SUITE_P(kernels, QuantizeGolden,
                         ::testing::Values(DType::f16, DType::bf16, DType::q8_0, DType::q4_0, DType::q4_1, DType::q5_0,
                                           DType::q5_1),
                         [](const auto& i) { return std::string{dtype_info(i.param).name}; });

class QuantizeSearch : public ::testing::TestWithParam<DType> {};

TEST_P(QuantizeSearch, misses_by_no_more_than_ggmls_reference_in_every_distribution) {
  const DType type = GetParam();
  const auto rows = read_rows();
  const auto reference = read_file(lower(dtype_info(type).name));
  const std::size_t stride = row_bytes(type, kColumns);
  ASSERT_EQ(reference.size(), kRows * stride);
  for (std::size_t r = 0; r < kRows; ++r) {
    const auto row = std::span{rows}.subspan(r * kColumns, kColumns);
    const Miss ours = miss(type, row, quantized(type, row));
    const Miss theirs = miss(type, row, std::span{reference}.subspan(r * stride, stride));
    EXPECT_GT(theirs.plain, 0) << r;
    EXPECT_LE(ours.plain, theirs.plain) << "row " << r;
    EXPECT_LE(ours.weighted, theirs.weighted * 1.05) << "row " << r;
  }
}

INSTANTIATE_TEST_SUITE_P(kernels, QuantizeSearch, ::testing::ValuesIn(kSearched),
                         [](const auto& i) { return std::string{dtype_info(i.param).name}; });

constexpr DType kBlocks[] = {DType::q8_0, DType::q4_0, DType::q4_1, DType::q5_0,
                             DType::q5_1, DType::q4_k, DType::q5_k, DType::q6_k};

TEST(QuantizeRow, what_a_type_can_hold_comes_back) {
  // Of every type the block of its own values, each code at least once: 1/64 times -8 … 7.
  std::vector<float> row(256);
  for (std::size_t i = 0; i < row.size(); ++i) row[i] = static_cast<float>(static_cast<int>(i % 16) - 8) / 64;
  for (const DType type : {DType::q4_0, DType::q4_1, DType::f16, DType::bf16, DType::f32}) {
    std::vector<float> back(row.size());
    ASSERT_TRUE(dequantize_row(type, quantized(type, row), back));
    EXPECT_EQ(back, row) << dtype_info(type).name;
  }
}

TEST(QuantizeRow, edges_neither_overflow_nor_become_nan) {
  const float tiny = std::numeric_limits<float>::denorm_min();
  for (const float value : {0.0F, tiny, -tiny, 1e-30F, 6e-8F, 1.0F, kMostF16, -kMostF16}) {
    for (const bool alone : {false, true}) {
      std::vector<float> row(256, alone ? 0.0F : value);
      row[17] = value;
      for (const DType type : kBlocks) {
        std::vector<float> back(row.size());
        ASSERT_TRUE(dequantize_row(type, quantized(type, row), back));
        for (std::size_t i = 0; i < row.size(); ++i) {
          ASSERT_TRUE(std::isfinite(back[i])) << dtype_info(type).name << " of " << value;
          ASSERT_LE(std::abs(back[i] - row[i]), 1e-4F + std::abs(value) / 16) << dtype_info(type).name << " " << value;
        }
      }
    }
  }
}

TEST(QuantizeRow, what_does_not_fit_is_refused_by_its_place) {
  std::vector<float> row(256, 1.0F);
  std::vector<std::byte> out(row.size() * sizeof(float));
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), 65536.0F}) {
    row[200] = bad;
    for (const DType type : kBlocks) {
      const Status status = quantize_row(type, row, std::span{out}.first(row_bytes(type, row.size())));
      ASSERT_FALSE(status);
      EXPECT_EQ(status.error().code, Errc::invalid_argument);
      EXPECT_THAT(status.error().message, ::testing::HasSubstr("element 200"));
    }
    EXPECT_TRUE(quantize_row(DType::bf16, row, std::span{out}.first(512)));
  }
  const Status integers = quantize_row(DType::i8, row, std::span{out}.first(256));
  ASSERT_FALSE(integers);
  EXPECT_EQ(integers.error().code, Errc::unsupported);
}

}  // namespace
}  // namespace zenith::kernels
