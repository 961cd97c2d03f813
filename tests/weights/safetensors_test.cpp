#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gguf_writer.hpp"
#include "zenith/models/weights/safetensors.hpp"

namespace zenith::models {
namespace {

using test::Bytes;
using testing::HasSubstr;

std::vector<std::byte> file(std::string_view header, std::size_t data_bytes) {
  Bytes out;
  out.text(header);
  out.data.resize(out.data.size() + data_bytes, std::byte{0x3f});
  return out.data;
}

constexpr std::string_view kHonest =
    R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
    R"("ids":{"dtype":"I64","shape":[1,2],"data_offsets":[24,40]},"b":{"dtype":"BF16","shape":[],"data_offsets":[40,42]}}  )";

TEST(safetensors, reads_tensors_and_metadata) {
  const auto bytes = file(kHonest, 42);
  const auto source = parse_safetensors(bytes);
  ASSERT_TRUE(source) << source.error().message;
  EXPECT_EQ((*source)->format(), "safetensors");
  const TensorView* a = (*source)->find("a");
  ASSERT_NE(a, nullptr);
  EXPECT_THAT(a->shape, testing::ElementsAre(2u, 3u));
  EXPECT_EQ(a->bytes.size(), 24u);
  EXPECT_EQ(a->bytes.data(), bytes.data() + 8 + kHonest.size());
  EXPECT_EQ((*source)->find("ids")->dtype, DType::i64);
  EXPECT_EQ((*source)->find("b")->elements(), 1u);
  EXPECT_EQ(meta_string(**source, "format").value(), "pt");
  EXPECT_NE((*source)->generation().value, 0u);
}

struct Lie {
  const char* name;
  std::string header;
  std::size_t data;
  Errc code;
  const char* says;
};
void PrintTo(const Lie& lie, std::ostream* out) { *out << lie.name; }
class SafetensorsLies : public testing::TestWithParam<Lie> {};

TEST_P(SafetensorsLies, are_refused_by_name) {
  const auto bytes = file(GetParam().header, GetParam().data);
  const auto source = parse_safetensors(bytes);
  ASSERT_FALSE(source);
  EXPECT_EQ(source.error().code, GetParam().code) << source.error().message;
  EXPECT_THAT(source.error().message, HasSubstr(GetParam().says));
}

std::string one(std::string_view fields) { return "{\"a\":{" + std::string{fields} + "}}"; }

INSTANTIATE_TEST_SUITE_P(
    safetensors, SafetensorsLies,
    testing::Values(
        Lie{"not_json", "{\"a\":", 0, Errc::bad_file, "stops to be JSON at byte"},
        Lie{"not_an_object", "[1]", 0, Errc::bad_file, "no JSON object"},
        Lie{"trailing", "{} x", 0, Errc::bad_file, "stops to be JSON"},
        Lie{"no_shape", one(R"("dtype":"F32","data_offsets":[0,4])"), 4, Errc::bad_file,
            "tensor 'a' lacks one of dtype, shape, data_offsets"},
        Lie{"twice_dtype", one(R"("dtype":"F32","dtype":"F16","shape":[1],"data_offsets":[0,4])"), 4, Errc::bad_file,
            "tensor 'a' has dtype twice"},
        Lie{"unknown_field", one(R"("dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1)"), 4, Errc::bad_file,
            "unknown field 'x'"},
        Lie{"unknown_type", one(R"("dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4])"), 4, Errc::unsupported,
            "has the type 'F8_E4M3'; known are F32"},
        Lie{"negative", one(R"("dtype":"F32","shape":[-1],"data_offsets":[0,4])"), 4, Errc::bad_file, "negative"},
        Lie{"fraction", one(R"("dtype":"F32","shape":[1.5],"data_offsets":[0,4])"), 4, Errc::bad_file, "no integer"},
        Lie{"overflow", one(R"("dtype":"F32","shape":[4611686018427387904,4611686018427387904],"data_offsets":[0,4])"),
            4, Errc::bad_file, "too large"},
        Lie{"past_the_end", one(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])"), 4, Errc::bad_file,
            "tensor 'a' lies at [0, 8), the file has 4 bytes"},
        Lie{"backwards", one(R"("dtype":"F32","shape":[1],"data_offsets":[4,0])"), 4, Errc::bad_file, "lies at [4, 0)"},
        Lie{"wrong_size", one(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])"), 4, Errc::bad_file,
            "needs 8 bytes, its offsets give 4"},
        Lie{"three_offsets", one(R"("dtype":"F32","shape":[1],"data_offsets":[0,4,8])"), 4, Errc::bad_file,
            "data_offsets that are not two"},
        Lie{"nine_dimensions", one(R"("dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4])"), 4,
            Errc::bad_file, "more than 8"},
        Lie{"hole", one(R"("dtype":"F32","shape":[1],"data_offsets":[4,8])"), 8, Errc::bad_file,
            "begins at 4, the one before it ends at 0"},
        Lie{"tail", one(R"("dtype":"F32","shape":[1],"data_offsets":[0,4])"), 8, Errc::bad_file,
            "the tensors end at 4, the file's data at 8"},
        Lie{"duplicate",
            R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
            8, Errc::bad_file, "tensor 'a' occurs twice"},
        Lie{"number_for_a_tensor", R"({"a":5})", 0, Errc::bad_file, "tensor 'a' holds a number where none belongs"},
        Lie{"deep", "{\"a\":" + std::string(10000, '[') + std::string(10000, ']') + "}", 0, Errc::bad_file,
            "list where none belongs"},
        Lie{"deep_objects",
            [] {
              std::string s;
              for (int i = 0; i < 10000; ++i) s += "{\"a\":";
              return s;
            }(),
            0, Errc::bad_file, "unknown field"},
        Lie{"metadata_number", R"({"__metadata__":{"x":1}})", 0, Errc::bad_file, "holds a number"}),
    [](const auto& row) { return std::string{row.param.name}; });

TEST(safetensors, every_truncation_is_refused) {
  const auto bytes = file(kHonest, 42);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const std::vector<std::byte> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    ASSERT_FALSE(parse_safetensors(cut)) << "cut at " << size;
  }
}

TEST(safetensors, bit_flips_never_break_the_parser) {
  const auto bytes = file(kHonest, 42);
  std::size_t refused = 0;
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    auto broken = bytes;
    broken[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    if (!parse_safetensors(broken)) ++refused;
  }
  EXPECT_GT(refused, 500u);
}

TEST(safetensors, a_header_longer_than_the_file_is_refused) {
  Bytes out;
  out.put(~std::uint64_t{0}).raw("{}");
  EXPECT_THAT(parse_safetensors(out.data).error().message,
              HasSubstr("its header would have 18446744073709551615 bytes"));
}

}  // namespace
}  // namespace zenith::models
