// A row's logits have the same bits alone, beside seven other sequences, with its prompt cut elsewhere, and on other
// thread counts.
#include <gtest/gtest.h>

#include <cstring>

#include "fixture.hpp"
#include "tiny_model.hpp"

namespace zenith::models {
namespace {

using namespace test;

using Rows = std::vector<std::vector<float>>;  // logits by position

// A sequence under way: `prefill` prompt tokens, then decode rows.
struct Text {
  std::vector<TokenId> ids;
  std::size_t prefill = 0;
};

Text text(std::uint64_t seed, std::size_t length, std::size_t prefill, std::size_t vocab) {
  Seeded random{seed};
  Text out;
  for (std::size_t i = 0; i < length; ++i) out.ids.push_back(static_cast<TokenId>(random.next() % vocab));
  out.prefill = prefill;
  return out;
}

// Runs texts together; in step s, text t advances by cuts(t, position) rows. Logits are wanted everywhere.
template <class Cut>
std::vector<Rows> run_together(Model& model, const std::vector<Text>& texts, int threads, kernels::Numerics numerics,
                               Cut cut) {
  Machine machine{threads, numerics};
  const ModelInfo& info = model.info();
  auto pool = KvPool::make(info.kv, 64, machine.ledger).value();
  std::vector<BlockTable> tables;
  for (const Text& t : texts) EXPECT_TRUE(tables.emplace_back(*pool).reserve(t.ids.size()));
  std::vector<Rows> out(texts.size());
  for (bool more = true; more;) {
    more = false;
    Batch batch;
    for (const BlockTable& table : tables) batch.sequences.push_back(&table);
    for (std::size_t s = 0; s < texts.size(); ++s) {
      const std::size_t at = out[s].size();
      // Prompt rows and generated rows never share a step here, as in the server.
      const std::size_t limit = at < texts[s].prefill ? texts[s].prefill : texts[s].ids.size();
      const std::size_t count = std::min(limit - at, cut(s, at));
      for (std::size_t i = at; i < at + count; ++i) {
        Row row;
        row.token = texts[s].ids[i];
        row.position[0] = static_cast<std::int32_t>(i);
        row.slot = static_cast<std::uint32_t>(i);
        row.sequence = static_cast<std::uint32_t>(s);
        row.phase = i < texts[s].prefill ? kernels::Phase::prefill : kernels::Phase::decode;
        row.want_logits = true;
        batch.rows.push_back(row);
        out[s].emplace_back();
      }
    }
    if (batch.rows.empty()) break;
    more = true;
    std::vector<float> logits(batch.rows.size() * info.vocab);
    batch.logits = {logits.data(), batch.rows.size(), info.vocab};
    const auto step = model.run(machine.ex, batch);
    EXPECT_TRUE(step) << step.error().message;
    if (!step) return out;
    for (std::size_t r = 0; r < batch.rows.size(); ++r) {
      const auto row = batch.logits[r];
      out[batch.rows[r].sequence][batch.rows[r].slot].assign(row.begin(), row.end());
    }
  }
  return out;
}

std::size_t differing_bits(const Rows& a, const Rows& b) {
  std::size_t differing = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].size() != b[i].size() || std::memcmp(a[i].data(), b[i].data(), a[i].size() * sizeof(float)) != 0)
      ++differing;
  }
  return differing + (a.size() != b.size());
}

void check(Model& model, kernels::Numerics numerics, std::size_t length) {
  const std::size_t vocab = model.info().vocab;
  const Text subject = text(1, length, length - 3, vocab);
  const auto all_at_once = [](std::size_t, std::size_t) { return std::size_t{1000}; };
  const auto one_by_one_at_last = [&](std::size_t, std::size_t at) {
    return at < subject.prefill ? std::size_t{1000} : std::size_t{1};
  };
  const Rows alone = run_together(model, {subject}, 1, numerics, all_at_once)[0];
  ASSERT_EQ(alone.size(), subject.ids.size());
  EXPECT_EQ(differing_bits(alone, run_together(model, {subject}, 2, numerics, all_at_once)[0]), 0u) << "two threads";
  EXPECT_EQ(differing_bits(alone, run_together(model, {subject}, 3, numerics, one_by_one_at_last)[0]), 0u)
      << "three threads, decoded one by one";
  EXPECT_EQ(differing_bits(alone, run_together(model, {subject}, 2, numerics,
                                               [](std::size_t, std::size_t) { return std::size_t{7}; })[0]),
            0u)
      << "chunks of 7";
  EXPECT_EQ(differing_bits(alone, run_together(model, {subject}, 2, numerics,
                                               [](std::size_t, std::size_t) { return std::size_t{1}; })[0]),
            0u)
      << "chunks of 1";
  std::vector<Text> crowd;
  for (std::uint64_t s = 0; s < 8; ++s) crowd.push_back(s == 5 ? subject : text(100 + s, 3 + 5 * s, 2 + 3 * s, vocab));
  const auto uneven = [](std::size_t s, std::size_t at) { return 1 + (s * 5 + at) % 11; };
  EXPECT_EQ(differing_bits(alone, run_together(model, crowd, 2, numerics, uneven)[5]), 0u)
      << "beside seven others, cut unevenly";
  EXPECT_EQ(differing_bits(alone, run_together(model, crowd, 1, numerics, all_at_once)[5]), 0u)
      << "beside seven others at once";
}

class Invariance : public testing::TestWithParam<std::tuple<const char*, kernels::Numerics>> {};

TEST_P(Invariance, of_a_tiny_model) {
  const auto [arch, numerics] = GetParam();
  const auto tiny = load_tiny(tiny_gguf(arch), {.numerics = numerics});
  ASSERT_TRUE(tiny) << tiny.error().message;
  check(*tiny->model, numerics, 140);  // over two pages, past gemma3's window
}

INSTANTIATE_TEST_SUITE_P(engine, Invariance,
                         testing::Combine(testing::Values("llama", "qwen2", "qwen3", "gemma3"),
                                          testing::Values(kernels::Numerics::exact, kernels::Numerics::fast)),
                         [](const auto& row) {
                           return std::string{std::get<0>(row.param)} +
                                  (std::get<1>(row.param) == kernels::Numerics::exact ? "_exact" : "_fast");
                         });

TEST(invariance, of_the_default_model) {
  const auto source = open_gguf(smollm2());
  ASSERT_TRUE(source) << source.error().message << " (get it with: zenith pull smollm2-135m)";
  const auto model = make_model(**source, {});
  ASSERT_TRUE(model) << model.error().message;
  check(**model, kernels::Numerics::fast, 24);
}

TEST(invariance, a_rolled_back_position_gives_the_same_bits_again) {
  const auto tiny = load_tiny(tiny_gguf("qwen3"));
  ASSERT_TRUE(tiny);
  Machine machine;
  auto pool = KvPool::make(tiny->model->info().kv, 4, machine.ledger).value();
  BlockTable table{*pool};
  ASSERT_TRUE(table.reserve(80));
  const Text subject = text(1, 80, 80, kTinyVocab);
  std::vector<float> first(kTinyVocab), again(kTinyVocab);
  const auto run = [&](std::size_t from, std::size_t to, TokenId last, std::vector<float>& logits) {
    Batch batch;
    batch.sequences = {&table};
    for (std::size_t i = from; i < to; ++i) {
      Row row;
      row.token = i + 1 == to ? last : subject.ids[i];
      row.slot = static_cast<std::uint32_t>(i);
      row.position[0] = static_cast<std::int32_t>(i);
      row.want_logits = i + 1 == to;
      batch.rows.push_back(row);
    }
    batch.logits = {logits.data(), 1, kTinyVocab};
    const auto step = tiny->model->run(machine.ex, batch);
    ASSERT_TRUE(step) << step.error().message;
  };
  run(0, 70, subject.ids[69], first);
  run(70, 80, 3, again);  // a draft that is thrown away …
  run(65, 70, 5, again);
  table.truncate(65);
  ASSERT_TRUE(table.reserve(80));
  run(65, 70, subject.ids[69], again);
  EXPECT_EQ(std::memcmp(first.data(), again.data(), first.size() * sizeof(float)), 0);
}

}  // namespace
}  // namespace zenith::models
