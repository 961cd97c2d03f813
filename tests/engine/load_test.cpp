// Loading: what a file lacks or lies about is named before anything runs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <fstream>
#include <functional>

#include "fixture.hpp"
#include "tiny_model.hpp"
#include "zenith/models/engine/evaluate.hpp"

namespace zenith::models {
namespace {

using namespace test;
using testing::HasSubstr;

GgufTensor& tensor_of(GgufWriter& w, std::string_view name) {
  for (GgufTensor& t : w.tensors) {
    if (t.name == name) return t;
  }
  throw std::runtime_error("no such tensor in the test's own file");
}

struct Lie {
  const char* name;
  const char* arch;
  std::function<void(GgufWriter&)> tell;
  Errc code;
  const char* says;
};
void PrintTo(const Lie& lie, std::ostream* out) { *out << lie.name; }
class LoadLies : public testing::TestWithParam<Lie> {};

TEST_P(LoadLies, are_refused_by_name) {
  GgufWriter w = tiny_gguf(GetParam().arch);
  GetParam().tell(w);
  const auto tiny = load_tiny(w);
  ASSERT_FALSE(tiny);
  EXPECT_EQ(tiny.error().code, GetParam().code) << tiny.error().message;
  EXPECT_THAT(tiny.error().message, HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    engine, LoadLies,
    testing::Values(
        Lie{"missing_tensor", "llama", [](GgufWriter& w) { tensor_of(w, "blk.1.ffn_up.weight").name = "blk.1.other"; },
            Errc::bad_file, "tensor 'blk.1.ffn_up.weight' is missing; its shape would be [96, 64]"},
        Lie{"wrong_shape", "llama", [](GgufWriter& w) { tensor_of(w, "blk.0.attn_q.weight").extents = {32, 128}; },
            Errc::bad_file, "tensor 'blk.0.attn_q.weight' has the shape [128, 32], [64, 64] is needed"},
        Lie{"transposed", "qwen2", [](GgufWriter& w) { tensor_of(w, "blk.0.ffn_up.weight").extents = {96, 64}; },
            Errc::bad_file, "tensor 'blk.0.ffn_up.weight' has the shape [64, 96], [96, 64] is needed"},
        Lie{"integer_weights", "llama", [](GgufWriter& w) { tensor_of(w, "blk.0.attn_q.weight").type = 26; },
            Errc::unsupported, "blk.0.attn_q.weight"},
        Lie{"a_tensor_too_many", "llama",
            [](GgufWriter& w) { w.floats("blk.0.attn_sinks.weight", {4}, std::vector<float>(4)); }, Errc::unsupported,
            "tensor 'blk.0.attn_sinks.weight' is no part of the architecture 'llama'"},
        Lie{"norms_where_none_belong", "qwen3",
            [](GgufWriter& w) {
              tensor_of(w, "blk.0.attn_k_norm.weight").extents = {12};
              tensor_of(w, "blk.0.attn_k_norm.weight").bytes.resize(48);
            },
            Errc::bad_file, "tensor 'blk.0.attn_k_norm.weight' has the shape [12], [24] is needed"},
        Lie{"experts", "llama", [](GgufWriter& w) { w.u32("llama.expert_count", 8); }, Errc::unsupported,
            "llama.expert_count"},
        Lie{"yarn", "qwen2", [](GgufWriter& w) { w.string("qwen2.rope.scaling.type", "yarn"); }, Errc::unsupported,
            "'qwen2.rope.scaling.type' is 'yarn'"},
        Lie{"rope_base_nan", "llama", [](GgufWriter& w) { w.f32("llama.rope.freq_base", std::nanf("")); },
            Errc::bad_file, "llama.rope.freq_base"},
        Lie{"rope_dimensions", "llama", [](GgufWriter& w) { w.u32("llama.rope.dimension_count", 1u << 30); },
            Errc::bad_file, "llama.rope.dimension_count"},
        Lie{"window_negative", "gemma3",
            [](GgufWriter& w) { w.key("gemma3.attention.sliding_window_pattern", kI32, Bytes{}.put<std::int32_t>(0)); },
            Errc::bad_file, "pattern 0"},
        Lie{"value_length", "llama", [](GgufWriter& w) { w.u32("llama.attention.value_length", 8); }, Errc::unsupported,
            "llama.attention.value_length"}),
    [](const auto& row) { return std::string{row.param.name}; });

GgufWriter bare(const std::function<void(GgufWriter&)>& keys) {
  GgufWriter w;
  keys(w);
  return w;
}

TEST(load, an_unknown_architecture_is_named_with_the_known_ones) {
  const auto tiny = load_tiny(bare([](GgufWriter& w) { w.string("general.architecture", "mamba"); }));
  ASSERT_FALSE(tiny);
  EXPECT_EQ(tiny.error().code, Errc::unsupported);
  EXPECT_EQ(tiny.error().message, "the architecture 'mamba' is not known; known are llama qwen2 qwen3 gemma3 bert");
  EXPECT_THAT(known_architectures(), testing::ElementsAre("llama", "qwen2", "qwen3", "gemma3", "bert"));
}

TEST(load, keys_are_needed_typed_and_bounded) {
  const auto error = [](const std::function<void(GgufWriter&)>& keys) {
    return load_tiny(bare([&](GgufWriter& w) {
             w.string("general.architecture", "llama");
             keys(w);
           }))
        .error()
        .message;
  };
  EXPECT_EQ(load_tiny(GgufWriter{}).error().message, "key 'general.architecture' is missing");
  EXPECT_EQ(error([](GgufWriter&) {}), "key 'llama.block_count' is missing");
  EXPECT_EQ(error([](GgufWriter& w) { w.string("llama.block_count", "2"); }),
            "key 'llama.block_count' is a string, an integer is needed");
  EXPECT_EQ(error([](GgufWriter& w) { w.u32("llama.block_count", 1u << 30); }),
            "key 'llama.block_count' is 1073741824; 1 to 1024 are allowed");
  EXPECT_EQ(error([](GgufWriter& w) { w.u32("llama.block_count", 0); }),
            "key 'llama.block_count' is 0; 1 to 1024 are allowed");
}

TEST(load, a_context_over_the_models_own_is_refused) {
  const auto tiny = load_tiny(tiny_gguf("llama"), {.context = 513});
  ASSERT_FALSE(tiny);
  EXPECT_EQ(tiny.error().param, "context");
  EXPECT_EQ(load_tiny(tiny_gguf("llama"), {.context = 100})->model->info().context, 100u);
}

TEST(load, exact_models_keep_f32_keys_and_values) {
  EXPECT_EQ(load_tiny(tiny_gguf("llama"), {.numerics = kernels::Numerics::exact})->model->info().kv.dtype, DType::f32);
  EXPECT_EQ(load_tiny(tiny_gguf("llama"))->model->info().kv.dtype, DType::f16);
}

TEST(load, merged_qkv_gives_the_bits_of_separate_tensors) {
  GgufWriter merged = tiny_gguf("llama");
  for (const std::string blk : {"blk.0.", "blk.1."}) {
    GgufTensor& q = tensor_of(merged, blk + "attn_q.weight");
    for (const char* part : {"attn_k.weight", "attn_v.weight"}) {
      const GgufTensor& t = tensor_of(merged, blk + part);
      q.bytes.insert(q.bytes.end(), t.bytes.begin(), t.bytes.end());
    }
    q.extents = {64, 128};
    q.name = blk + "attn_qkv.weight";
    std::erase_if(merged.tensors, [&](const GgufTensor& t) {
      return t.name == blk + "attn_k.weight" || t.name == blk + "attn_v.weight";
    });
  }
  Machine machine;
  const std::vector<TokenId> ids{1, 2, 3, 4};
  auto one = load_tiny(tiny_gguf("llama")), other = load_tiny(merged);
  ASSERT_TRUE(other) << other.error().message;
  EXPECT_EQ(logits(*one->model, machine.ex, machine.ledger, ids, true).value(),
            logits(*other->model, machine.ex, machine.ledger, ids, true).value());
}

// Flips that still load must still run: no number of a file is believed unchecked.
TEST(load, flipped_bits_of_a_header_never_break_loading_or_running) {
  const auto honest = tiny_gguf("gemma3").build();
  const std::size_t header = honest.size() - [&] {
    std::size_t data = 0;
    for (const GgufTensor& t : tiny_gguf("gemma3").tensors) data += (t.bytes.size() + 31) / 32 * 32;
    return data;
  }();
  Seeded random{7};
  Machine machine{1};
  std::size_t ran = 0, refused = 0;
  auto bytes = honest;
  for (int i = 0; i < 1500; ++i) {
    const std::size_t at = random.next() % header;
    const auto bit = static_cast<std::byte>(1u << (random.next() % 8));
    bytes[at] ^= bit;
    if (const auto source = parse_gguf(bytes)) {
      if (const auto model = make_model(**source, {}); model && (*model)->info().context >= 3) {
        const auto out = logits(**model, machine.ex, machine.ledger, std::vector<TokenId>{1, 2, 3}, false);
        EXPECT_TRUE(out || !out.error().message.empty());
        ++ran;
      } else {
        ++refused;
      }
    } else {
      ++refused;
    }
    bytes[at] ^= bit;
  }
  EXPECT_GT(ran, 20u);
  EXPECT_GT(refused, 100u);
}

class RealFile : public testing::Test {
 protected:
  std::filesystem::path folder;
  void SetUp() override {
    folder = std::filesystem::temp_directory_path() / ("zenith-load-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder);
  }
  void TearDown() override { std::filesystem::remove_all(folder); }
};

TEST_F(RealFile, loads_with_tokenizer_and_template) {
  MemoryLedger ledger{std::uint64_t{1} << 30};
  const auto loaded = load_model(smollm2(), {}, ledger);
  ASSERT_TRUE(loaded) << loaded.error().message << " (get it with: zenith pull smollm2-135m)";
  EXPECT_EQ(loaded->tokenizer->vocab_size(), 49152u);
  EXPECT_TRUE(loaded->chat_template.has_value());
  EXPECT_FALSE(loaded->chat_template_error.has_value());
  EXPECT_EQ(loaded->memory.bytes(), loaded->model->info().resident_bytes);
  EXPECT_GT(loaded->memory.bytes(), 50'000'000u);
  EXPECT_EQ(ledger.used(), loaded->memory.bytes());
}

TEST_F(RealFile, the_estimate_is_close) {
  MemoryLedger plenty{std::uint64_t{1} << 30};
  const auto resident = load_model(smollm2(), {}, plenty).value().model->info().resident_bytes;
  MemoryLedger tight{resident + resident / 10};
  EXPECT_TRUE(load_model(smollm2(), {}, tight));
  MemoryLedger less{resident - 1};
  EXPECT_FALSE(load_model(smollm2(), {}, less));
}

TEST_F(RealFile, too_little_memory_is_said_before_loading) {
  MemoryLedger ledger{10'000'000};
  const auto loaded = load_model(smollm2(), {}, ledger);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, Errc::out_of_memory);
  EXPECT_THAT(loaded.error().message, HasSubstr("are missing"));
  EXPECT_EQ(ledger.used(), 0u);
}

TEST_F(RealFile, cut_anywhere_is_refused) {
  std::ifstream in(smollm2(), std::ios::binary);
  ASSERT_TRUE(in) << "get it with: zenith pull smollm2-135m";
  std::vector<char> file((std::istreambuf_iterator<char>(in)), {});
  const auto* data = reinterpret_cast<const std::byte*>(file.data());
  constexpr std::size_t kHeader = 1'785'664;  // where the tensors begin
  std::vector<std::size_t> cuts{0, 1, 3, 4, 7, 8, 15, 16, 23, 24, 25, 31, 32, 33, file.size() - 1};
  for (std::size_t at = 4096; at < kHeader + 4096; at += 4096) cuts.push_back(at);
  for (std::size_t at = kHeader; at < file.size(); at += 4096 * 512) cuts.push_back(at);
  for (const std::size_t at : cuts) {
    const auto source = parse_gguf({data, at});
    ASSERT_FALSE(source) << "cut at " << at;
    ASSERT_EQ(source.error().code, Errc::bad_file) << source.error().message;
  }
}

TEST_F(RealFile, a_bad_template_costs_the_chat_only) {
  // The vocabulary of the tiny file is enough for a tokenizer.
  GgufWriter w = tiny_gguf("llama");
  Bytes tokens, types;
  tokens.put<std::uint32_t>(kString).put<std::uint64_t>(kTinyVocab);
  types.put<std::uint32_t>(kI32).put<std::uint64_t>(kTinyVocab);
  for (std::size_t i = 0; i < kTinyVocab; ++i) {
    tokens.text(i == 0 ? std::string{"<|end|>"}
                       : std::string(1, static_cast<char>('!' + (i - 1) % 94)) + (i > 94 ? "!" : ""));
    types.put<std::int32_t>(i == 0 ? 3 : 1);
  }
  w.string("tokenizer.ggml.model", "gpt2")
      .string("tokenizer.ggml.pre", "gpt-2")
      .key("tokenizer.ggml.tokens", kArray, tokens);
  w.key("tokenizer.ggml.token_type", kArray, types)
      .key("tokenizer.ggml.merges", kArray, Bytes{}.put<std::uint32_t>(kString).put<std::uint64_t>(0));
  w.u32("tokenizer.ggml.eos_token_id", 0)
      .u32("tokenizer.ggml.bos_token_id", 0)
      .string("tokenizer.chat_template", "{% if %}");
  const auto bytes = w.build();
  const auto path = folder / "bad.gguf";
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  MemoryLedger ledger{std::uint64_t{1} << 30};
  const auto loaded = load_model(folder, {}, ledger);  // the one file of a folder
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_FALSE(loaded->chat_template.has_value());
  ASSERT_TRUE(loaded->chat_template_error.has_value());
  EXPECT_EQ(loaded->chat_template_error->code, Errc::bad_file);
}

TEST_F(RealFile, a_folder_without_a_model_says_so) {
  MemoryLedger ledger{1 << 20};
  EXPECT_THAT(load_model(folder, {}, ledger).error().message, HasSubstr("holds 0 .gguf files"));
  EXPECT_EQ(load_model(folder / "none.gguf", {}, ledger).error().code, Errc::io);
}

}  // namespace
}  // namespace zenith::models
