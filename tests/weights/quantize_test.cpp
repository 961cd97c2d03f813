// Which tensor becomes what, and that the file around them stays what it was.
#include "zenith/models/weights/quantize.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <map>

#include "gguf_writer.hpp"
#include "zenith/kernels/quantize_row.hpp"
#include "zenith/models/weights/gguf.hpp"

namespace zenith::models {
namespace {

using namespace test;
using testing::HasSubstr;

std::vector<float> wave(std::size_t count) {
  std::vector<float> out(count);
  for (std::size_t i = 0; i < count; ++i) out[i] = std::sin(static_cast<float>(i) * 0.37F) * 0.1F;
  return out;
}

GgufWriter small_model() {
  GgufWriter file;
  file.string("general.architecture", "llama").u32("general.file_type", 0).f32("llama.rope.freq_base", 1e4F);
  file.key("list", kArray,
           Bytes{}.put<std::uint32_t>(kU16).put<std::uint64_t>(2).put<std::uint16_t>(7).put<std::uint16_t>(9));
  file.floats("token_embd.weight", {256, 6}, wave(1536))
      .floats("blk.0.attn_norm.weight", {256}, wave(256))
      .floats("blk.0.ffn_gate_inp.weight", {256, 2}, wave(512))
      .floats("blk.0.attn_q.weight", {256, 4}, wave(1024))
      .floats("blk.0.attn_q.bias", {256}, wave(256))
      .floats("blk.0.ffn_down_exps.weight", {96, 3, 2}, wave(576))
      .floats("blk.0.odd.weight", {40, 2}, wave(80));
  return file;
}

struct File {
  explicit File(const std::vector<std::byte>& bytes) {
    static int number = 0;
    path = testing::TempDir() + "quantize_" + std::to_string(getpid()) + "_" + std::to_string(++number) + ".gguf";
    std::ofstream{path, std::ios::binary}.write(reinterpret_cast<const char*>(bytes.data()),
                                                static_cast<std::streamsize>(bytes.size()));
  }
  ~File() { std::remove(path.c_str()); }
  std::string path;
};

Expected<std::vector<std::byte>> quantized(const std::vector<std::byte>& in, const QuantizeOptions& options,
                                           int threads = 1) {
  const File file{in};
  auto quantizer = GgufQuantizer::open(file.path, options);
  if (!quantizer) return tl::make_unexpected(quantizer.error());
  kernels::ThreadPool pool{threads};
  std::vector<std::byte> out;
  auto result = quantizer->write(pool,
                                 [&](std::span<const std::byte> bytes) {
                                   out.insert(out.end(), bytes.begin(), bytes.end());
                                   return Status{};
                                 },
                                 {});
  if (!result) return tl::make_unexpected(result.error());
  EXPECT_EQ(result->bytes, out.size());
  EXPECT_EQ(quantizer->bytes(), out.size()) << "the size that is announced";
  return out;
}

std::map<std::string, std::string> types_of(const std::vector<std::byte>& bytes) {
  const auto source = parse_gguf(bytes);
  EXPECT_TRUE(source) << (source ? "" : source.error().message);
  std::map<std::string, std::string> out;
  if (!source) return out;
  for (const auto name : (*source)->tensor_names())
    out[std::string{name}] = dtype_info((*source)->find(name)->dtype).name;
  return out;
}

struct TypeCase {
  DType type;
  const char *head, *matrix, *narrow;  ///< of rows of 256, of 256, of 96
};

class QuantizeTypes : public testing::TestWithParam<TypeCase> {};

TEST_P(QuantizeTypes, each_tensor_gets_the_type_of_the_rule) {
  const auto& c = GetParam();
  const auto out = quantized(small_model().build(), {.type = c.type});
  ASSERT_TRUE(out);
  const std::string odd = c.type == DType::f32 ? "F32" : c.type == DType::bf16 ? "BF16" : "F16";
  const std::map<std::string, std::string> want{
      {"token_embd.weight", c.head},     {"blk.0.attn_norm.weight", "F32"}, {"blk.0.ffn_gate_inp.weight", "F32"},
      {"blk.0.attn_q.weight", c.matrix}, {"blk.0.attn_q.bias", "F32"},      {"blk.0.ffn_down_exps.weight", c.narrow},
      {"blk.0.odd.weight", odd}};
  EXPECT_EQ(types_of(*out), want);
}

INSTANTIATE_TEST_SUITE_P(
    weights, QuantizeTypes,
    testing::Values(TypeCase{DType::f32, "F32", "F32", "F32"}, TypeCase{DType::f16, "F16", "F16", "F16"},
                    TypeCase{DType::bf16, "BF16", "BF16", "BF16"}, TypeCase{DType::q8_0, "Q8_0", "Q8_0", "Q8_0"},
                    TypeCase{DType::q4_0, "Q6_K", "Q4_0", "Q4_0"}, TypeCase{DType::q5_1, "Q6_K", "Q5_1", "Q5_1"},
                    TypeCase{DType::q4_k, "Q6_K", "Q4_K", "Q5_0"}, TypeCase{DType::q5_k, "Q6_K", "Q5_K", "Q5_1"},
                    TypeCase{DType::q6_k, "Q6_K", "Q6_K", "Q8_0"}),
    [](const auto& i) { return std::string{dtype_info(i.param.type).name}; });

TEST(Quantize, a_separate_head_is_the_head_and_pure_spares_it) {
  GgufWriter file = small_model();
  file.floats("output.weight", {256, 6}, wave(1536));
  EXPECT_EQ(types_of(*quantized(file.build(), {.type = DType::q4_0}))["output.weight"], "Q6_K");
  EXPECT_EQ(types_of(*quantized(file.build(), {.type = DType::q4_0}))["token_embd.weight"], "Q4_0");
  EXPECT_EQ(types_of(*quantized(file.build(), {.type = DType::q4_0, .pure = true}))["output.weight"], "Q4_0");
}

TEST(Quantize, blocks_and_metadata_lie_where_a_reader_finds_them) {
  const auto out = quantized(small_model().build(), {.type = DType::q5_0});
  ASSERT_TRUE(out);
  const auto source = parse_gguf(*out);
  ASSERT_TRUE(source);
  EXPECT_EQ(*meta_int(**source, "general.file_type"), 8);
  EXPECT_EQ(*meta_int(**source, "general.quantization_version"), 2);
  EXPECT_EQ(*meta_string(**source, "general.architecture"), "llama");
  EXPECT_EQ(*meta_number(**source, "llama.rope.freq_base"), 1e4);
  EXPECT_EQ(std::get<std::vector<std::int64_t>>(*(*source)->meta("list")), (std::vector<std::int64_t>{7, 9}));
  const auto weights = wave(1024);
  std::vector<std::byte> want(row_bytes(DType::q5_0, 1024));
  ASSERT_TRUE(kernels::quantize_row(DType::q5_0, weights, want));
  const auto got = (*source)->find("blk.0.attn_q.weight")->bytes;
  EXPECT_TRUE(std::equal(got.begin(), got.end(), want.begin(), want.end()));
  const auto bias = (*source)->find("blk.0.attn_q.bias")->bytes;
  const auto plain = wave(256);
  EXPECT_EQ(std::memcmp(bias.data(), plain.data(), bias.size()), 0);
}

TEST(Quantize, the_bytes_are_the_same_at_any_number_of_threads) {
  const auto one = quantized(small_model().build(), {.type = DType::q4_k}, 1);
  const auto three = quantized(small_model().build(), {.type = DType::q4_k}, 3);
  ASSERT_TRUE(one && three);
  EXPECT_EQ(*one, *three);
}

TEST(Quantize, a_quantised_file_is_quantised_again_only_when_asked) {
  const auto once = *quantized(small_model().build(), {.type = DType::q8_0});
  const auto refused = quantized(once, {.type = DType::q4_0});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::invalid_argument);
  EXPECT_THAT(refused.error().message, HasSubstr("--allow-requantize"));
  EXPECT_THAT(refused.error().message, HasSubstr("'token_embd.weight' is quantised already (Q8_0)"));
  EXPECT_TRUE(quantized(once, {.type = DType::q4_0, .allow_requantize = true}));
  EXPECT_TRUE(quantized(once, {.type = DType::f32})) << "nothing is lost";
  EXPECT_EQ(*quantized(once, {.type = DType::q8_0}), once) << "its own type: the same file";
}

TEST(Quantize, what_a_type_cannot_hold_is_named_by_tensor_row_and_element) {
  GgufWriter file;
  auto values = wave(512);
  values[256 + 3] = std::numeric_limits<float>::infinity();
  file.floats("blk.0.attn_q.weight", {256, 2}, values);
  const auto out = quantized(file.build(), {.type = DType::q4_k});
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code, Errc::invalid_argument);
  EXPECT_THAT(out.error().message, HasSubstr("'blk.0.attn_q.weight', row 1: element 3 is inf"));
}

TEST(Quantize, a_part_of_a_split_model_is_refused) {
  GgufWriter file = small_model();
  file.key("split.count", kU16, Bytes{}.put<std::uint16_t>(2));
  const auto out = quantized(file.build(), {.type = DType::q8_0});
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code, Errc::unsupported);
}

TEST(Quantize, a_writer_that_fails_or_a_stop_ends_it_at_once) {
  const File file{small_model().build()};
  const auto quantizer = GgufQuantizer::open(file.path, {.type = DType::q8_0});
  ASSERT_TRUE(quantizer);
  kernels::ThreadPool pool{1};
  int writes = 0;
  const auto full = quantizer->write(
      pool, [&](std::span<const std::byte>) { return ++writes == 2 ? Status{fail(Errc::io, "full")} : Status{}; }, {});
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Errc::io);
  EXPECT_EQ(writes, 2);
  writes = 0;
  const auto stopped = quantizer->write(
      pool,
      [&](std::span<const std::byte>) {
        ++writes;
        return Status{};
      },
      [](std::uint64_t) { return false; });
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Errc::cancelled);
  EXPECT_EQ(writes, 1);
}

}  // namespace
}  // namespace zenith::models
