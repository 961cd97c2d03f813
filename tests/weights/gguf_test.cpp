#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <random>

#include "gguf_writer.hpp"
#include "zenith/models/weights/gguf.hpp"

namespace zenith::models {
namespace {

using namespace test;
using testing::HasSubstr;

GgufWriter honest() {
  GgufWriter w;
  w.string("general.architecture", "llama").u32("a.count", 7).f32("a.eps", 0.5F);
  w.key("a.list", kArray, Bytes{}.put<std::uint32_t>(kString).put<std::uint64_t>(2).text("x").text("yy"));
  const std::vector<float> values(64, 1.5F);
  w.floats("one", {8, 4}, std::span{values}.first(32)).floats("two", {32}, std::span{values}.first(32));
  w.tensor({"three", {32, 2}, 3, std::vector<std::byte>(40)});
  return w;
}

TEST(gguf, reads_keys_and_tensors) {
  const auto bytes = honest().build();
  const auto source = parse_gguf(bytes);
  ASSERT_TRUE(source) << source.error().message;
  EXPECT_EQ((*source)->format(), "gguf");
  EXPECT_EQ((*source)->file_bytes(), bytes.size());
  EXPECT_THAT((*source)->tensor_names(), testing::ElementsAre("one", "two", "three"));
  const TensorView* one = (*source)->find("one");
  ASSERT_NE(one, nullptr);
  EXPECT_THAT(one->shape, testing::ElementsAre(4u, 8u)) << "outermost first";
  EXPECT_EQ(one->bytes.size(), 128u);
  float first = 0;
  std::memcpy(&first, one->bytes.data(), 4);
  EXPECT_EQ(first, 1.5F);
  EXPECT_EQ((*source)->find("three")->dtype, DType::q4_1);
  EXPECT_EQ((*source)->find("four"), nullptr);
  EXPECT_EQ(meta_int(**source, "a.count").value(), 7);
  EXPECT_EQ(meta_number(**source, "a.eps").value(), 0.5);
  EXPECT_EQ(std::get<std::vector<std::string>>(*(*source)->meta("a.list")), (std::vector<std::string>{"x", "yy"}));
}

TEST(gguf, settled_it_has_no_lists_and_all_else) {
  const auto path = std::filesystem::temp_directory_path() / ("zenith-settle-" + std::to_string(getpid()) + ".gguf");
  const auto bytes = honest().build();
  std::ofstream{path, std::ios::binary}.write(reinterpret_cast<const char*>(bytes.data()),
                                              static_cast<std::streamsize>(bytes.size()));
  const auto source = open_gguf(path).value();
  source->settle();
  source->release(source->find("one")->bytes);
  EXPECT_EQ(source->meta("a.list"), nullptr);
  EXPECT_EQ(meta_int(*source, "a.count").value(), 7);
  EXPECT_THAT(source->tensor_names(), testing::ElementsAre("one", "two", "three"));
  float first = 0;
  std::memcpy(&first, source->find("one")->bytes.data(), 4);
  EXPECT_EQ(first, 1.5F);
  std::filesystem::remove(path);
}

TEST(gguf, generation_follows_header_and_weights) {
  auto a = honest().build();
  const auto generation = [](std::span<const std::byte> bytes) { return parse_gguf(bytes).value()->generation(); };
  const Generation before = generation(a);
  EXPECT_EQ(before, generation(a));
  a[a.size() - 64 - 128 / 2 - 1] ^= std::byte{1};  // inside "two"
  EXPECT_NE(before, generation(a));
}

TEST(gguf, typed_access_names_the_key) {
  const auto bytes = honest().build();
  const auto source = parse_gguf(bytes).value();
  EXPECT_EQ(meta_int(*source, "none").error().message, "key 'none' is missing");
  EXPECT_EQ(meta_int(*source, "none", 3).value(), 3);
  EXPECT_EQ(meta_int(*source, "general.architecture").error().message,
            "key 'general.architecture' is a string, an integer is needed");
  EXPECT_EQ(meta_number(*source, "a.count").value(), 7.0);
  EXPECT_EQ(meta_bool(*source, "a.count").error().param, "a.count");
}

struct Lie {
  const char* name;
  std::function<void(GgufWriter&)> tell;
  Errc code;
  const char* says;
};
void PrintTo(const Lie& lie, std::ostream* out) { *out << lie.name; }

class GgufLies : public testing::TestWithParam<Lie> {};

TEST_P(GgufLies, are_refused_by_name) {
  GgufWriter w = honest();
  GetParam().tell(w);
  const auto bytes = w.build();
  const auto source = parse_gguf(bytes);
  ASSERT_FALSE(source);
  EXPECT_EQ(source.error().code, GetParam().code) << source.error().message;
  EXPECT_THAT(source.error().message, HasSubstr(GetParam().says));
}

constexpr std::uint64_t kHuge = std::uint64_t{1} << 62;

INSTANTIATE_TEST_SUITE_P(
    gguf, GgufLies,
    testing::Values(
        Lie{"magic", [](GgufWriter& w) { w.magic = 0x12345678; }, Errc::bad_file, "no GGUF file"},
        Lie{"version_1", [](GgufWriter& w) { w.version = 1; }, Errc::unsupported, "GGUF version 1 is not known"},
        Lie{"big_endian", [](GgufWriter& w) { w.version = 0x03000000; }, Errc::unsupported, "big-endian"},
        Lie{"tensor_count", [](GgufWriter& w) { w.tensor_count = 1LL << 60; }, Errc::bad_file,
            "claims 1152921504606846976 tensors"},
        Lie{"one_tensor_more", [](GgufWriter& w) { w.tensor_count = 4; }, Errc::bad_file, ""},
        Lie{"key_count", [](GgufWriter& w) { w.key_count = 1LL << 60; }, Errc::bad_file,
            "claims 1152921504606846976 keys"},
        Lie{"one_key_more", [](GgufWriter& w) { w.key_count = 5; }, Errc::bad_file, ""},
        Lie{"duplicate_key", [](GgufWriter& w) { w.u32("a.count", 8); }, Errc::bad_file, "key 'a.count' occurs twice"},
        Lie{"duplicate_tensor", [](GgufWriter& w) { w.tensor({"one", {1}, 0, std::vector<std::byte>(4)}); },
            Errc::bad_file, "tensor 'one' occurs twice"},
        Lie{"empty_key", [](GgufWriter& w) { w.u32("", 8); }, Errc::bad_file, "key 5 of 5"},
        Lie{"key_type", [](GgufWriter& w) { w.key("k", 13, Bytes{}); }, Errc::bad_file,
            "key 'k' has the unknown type 13"},
        Lie{"bool_of_2", [](GgufWriter& w) { w.key("k", kBool, Bytes{}.put<std::uint8_t>(2)); }, Errc::bad_file,
            "key 'k' is a bool with the value 2"},
        Lie{"u64_past_i64", [](GgufWriter& w) { w.key("k", kU64, Bytes{}.put(~std::uint64_t{0})); }, Errc::bad_file,
            "key 'k' has the value 18446744073709551615"},
        Lie{"string_length", [](GgufWriter& w) { w.key("k", kString, Bytes{}.put(kHuge)); }, Errc::bad_file,
            "key 'k' has a string of 4611686018427387904 bytes"},
        Lie{"array_length", [](GgufWriter& w) { w.key("k", kArray, Bytes{}.put<std::uint32_t>(kU8).put(kHuge)); },
            Errc::bad_file, "key 'k' is a list of 4611686018427387904"},
        Lie{"array_type",
            [](GgufWriter& w) { w.key("k", kArray, Bytes{}.put<std::uint32_t>(99).put<std::uint64_t>(0)); },
            Errc::bad_file, "unknown type 99"},
        Lie{"array_of_arrays",
            [](GgufWriter& w) { w.key("k", kArray, Bytes{}.put<std::uint32_t>(kArray).put<std::uint64_t>(0)); },
            Errc::bad_file, "list of lists"},
        Lie{"alignment_3", [](GgufWriter& w) { w.u32("general.alignment", 3); }, Errc::bad_file, "general.alignment"},
        Lie{"alignment_0", [](GgufWriter& w) { w.u32("general.alignment", 0); }, Errc::bad_file, "general.alignment"},
        Lie{"alignment_huge", [](GgufWriter& w) { w.u32("general.alignment", 1u << 31); }, Errc::bad_file,
            "general.alignment"},
        Lie{"alignment_text", [](GgufWriter& w) { w.string("general.alignment", "32"); }, Errc::bad_file,
            "is a string, an integer is needed"},
        Lie{"offset_past_end", [](GgufWriter& w) { w.tensors[1].offset = 1 << 20; }, Errc::bad_file,
            "tensor 'two' needs 128 bytes at offset 1048576"},
        Lie{"offset_overflow", [](GgufWriter& w) { w.tensors[1].offset = 0x7fffffffffffffe0; }, Errc::bad_file,
            "tensor 'two'"},
        Lie{"offset_unaligned", [](GgufWriter& w) { w.tensors[1].offset = 4; }, Errc::bad_file,
            "tensor 'two' lies at offset 4, which is no multiple of 32"},
        Lie{"overlap", [](GgufWriter& w) { w.tensors[1].offset = 32; }, Errc::bad_file,
            "tensors 'one' and 'two' overlap"},
        Lie{"extent_overflow", [](GgufWriter& w) { w.tensors[0].extents = {kHuge, kHuge}; }, Errc::bad_file,
            "tensor 'one' has the shape [4611686018427387904, 4611686018427387904], too large"},
        Lie{"extent_larger", [](GgufWriter& w) { w.tensors[2].extents = {32, 4}; }, Errc::bad_file,
            "tensor 'three' needs 80 bytes"},
        Lie{"extent_0", [](GgufWriter& w) { w.tensors[0].extents = {0, 4}; }, Errc::bad_file,
            "tensor 'one' has a dimension of 0"},
        Lie{"no_dimensions", [](GgufWriter& w) { w.tensors[0].extents = {}; }, Errc::bad_file,
            "tensor 'one' has 0 dimensions"},
        Lie{"five_dimensions", [](GgufWriter& w) { w.tensors[0].extents = {1, 1, 1, 1, 32}; }, Errc::bad_file,
            "tensor 'one' has 5 dimensions"},
        Lie{"half_a_block", [](GgufWriter& w) { w.tensors[2].extents = {16, 4}; }, Errc::bad_file,
            "rows of 16 elements, which is no multiple of 32"},
        Lie{"foreign_type", [](GgufWriter& w) { w.tensors[2].type = 10; }, Errc::unsupported,
            "tensor 'three' has the type Q2_K; known are F32"},
        Lie{"removed_type", [](GgufWriter& w) { w.tensors[2].type = 4; }, Errc::unsupported, "4 (unknown)"},
        Lie{"empty_name", [](GgufWriter& w) { w.tensors[0].name = ""; }, Errc::bad_file,
            "the name of tensor 1 has 0 bytes"},
        Lie{"long_name", [](GgufWriter& w) { w.tensors[0].name = std::string(65, 'x'); }, Errc::bad_file,
            "the name of tensor 1 has 65 bytes"},
        Lie{"name_with_escapes", [](GgufWriter& w) { w.tensors[2] = {"\x1b[31m", {32}, 10, {}}; }, Errc::unsupported,
            "'\\x1b[31m'"}),
    [](const auto& row) { return std::string{row.param.name}; });

TEST(gguf, every_truncation_is_refused) {
  const auto bytes = honest().build();
  for (std::size_t size = 0; size + 32 <= bytes.size(); ++size) {
    const std::vector<std::byte> cut(
        bytes.begin(),
        bytes.begin() + static_cast<std::ptrdiff_t>(size));  // its own memory: a sanitizer sees one byte too far
    const auto source = parse_gguf(cut);
    ASSERT_FALSE(source) << "cut at " << size;
    ASSERT_FALSE(source.error().message.empty());
  }
}

TEST(gguf, bit_flips_never_break_the_parser) {
  const auto bytes = honest().build();
  std::size_t accepted = 0, refused = 0;
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    auto broken = bytes;
    broken[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    const auto source = parse_gguf(broken);
    ++(source ? accepted : refused);
    if (!source) continue;
    for (const auto name : (*source)->tensor_names()) {
      const TensorView& t = *(*source)->find(name);
      ASSERT_GE(t.bytes.data(), broken.data());
      ASSERT_LE(t.bytes.data() + t.bytes.size(), broken.data() + broken.size());
    }
  }
  EXPECT_GT(accepted, 1000u) << "flips in names and data are no lies";
  EXPECT_GT(refused, 1000u);
}

TEST(gguf, a_missing_file_is_io) {
  const auto source = open_gguf("/nonexistent/model.gguf");
  ASSERT_FALSE(source);
  EXPECT_EQ(source.error().code, Errc::io);
  EXPECT_THAT(source.error().message, HasSubstr("/nonexistent/model.gguf"));
  EXPECT_EQ(open_gguf("/").error().code, Errc::bad_file);
}

}  // namespace
}  // namespace zenith::models
