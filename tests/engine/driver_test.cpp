// The seams of the forward pass, on a graph of our own: pause and resume at an expert layer, taps, ragged rows,
// refusals.
#include "engine/driver.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>

#include "fixture.hpp"
#include "tiny_model.hpp"
#include "zenith/models/engine/fixed_point.hpp"

namespace zenith::models {
namespace {

using namespace test;
using testing::HasSubstr;

constexpr std::size_t kWidth = 4, kExperts = 3;

// hidden = token everywhere; layer 0: += 1/3; layer 1: routes each row to two experts; layer 2: *= 2.
class Toy final : public Graph {
 public:
  Toy() {
    info_.architecture = "toy";
    info_.layers = 3;
    info_.d_model = kWidth;
    info_.vocab = kWidth;
    info_.context = 100;
    info_.kv = {3, 1, 4, DType::f32};
  }
  const ModelInfo& info() const noexcept override { return info_; }
  void embed(const Pass& pass, View2<float> hidden) const override {
    for (std::size_t i = 0; i < hidden.rows; ++i) {
      for (std::size_t c = 0; c < kWidth; ++c) {
        hidden.row(i)[c] =
            pass.rows[i].embedding != nullptr ? pass.rows[i].embedding[c] : static_cast<float>(pass.rows[i].token);
      }
    }
  }
  std::vector<ExpertGroup> layer(const Pass& pass, std::size_t index, std::size_t stage,
                                 View2<float> hidden) const override {
    if (index == 1) return stage == 0 ? route(pass, hidden) : gather(pass, hidden);
    for (std::size_t i = 0; i < hidden.rows; ++i) {
      for (float& x : hidden[i]) x = index == 0 ? x + 1.0F / 3.0F : x * 2;
    }
    return {};
  }
  void final_norm(kernels::Exec&, View2<float> hidden) const override {
    for (std::size_t i = 0; i < hidden.rows; ++i) {
      for (float& x : hidden[i]) x += 0.5F;
    }
  }
  void head(kernels::Exec&, const kernels::Activations& hidden, View2<float> logits) const override {
    for (std::size_t i = 0; i < logits.rows; ++i) std::memcpy(logits.row(i), hidden.x().row(i), kWidth * sizeof(float));
  }

 private:
  static std::vector<ExpertGroup> route(const Pass& pass, View2<const float> hidden) {
    std::vector<ExpertGroup> groups(kExperts);
    for (std::uint32_t e = 0; e < kExperts; ++e) groups[e].expert = e;
    for (std::uint32_t i = 0; i < hidden.rows; ++i) {
      for (const std::uint32_t e : {i % kExperts, (i + 1) % kExperts}) {
        groups[e].rows.push_back(i);
        groups[e].weights.push_back(0.1F + 0.2F * static_cast<float>(e));
      }
    }
    std::erase_if(groups, [](const ExpertGroup& g) { return g.rows.empty(); });
    for (ExpertGroup& g : groups) {
      const View2<float> rows = pass.keep(g.rows.size(), kWidth);
      for (std::size_t r = 0; r < g.rows.size(); ++r)
        std::memcpy(rows.row(r), hidden.row(g.rows[r]), kWidth * sizeof(float));
      g.hidden = rows;
    }
    return groups;
  }
  static std::vector<ExpertGroup> gather(const Pass& pass, View2<float> hidden) {
    for (std::size_t i = 0; i < hidden.rows; ++i) {
      for (std::size_t c = 0; c < kWidth; ++c) hidden.row(i)[c] += from_fixed(pass.partial.row(i)[c]);
    }
    return {};
  }
  ModelInfo info_;
};

// What an expert service does: y = (expert + 1) * sin(x), weighted, as fixed point.
void serve(const ExpertGroup& group, View2<std::int64_t> partial) {
  for (std::size_t r = 0; r < group.rows.size(); ++r) {
    for (std::size_t c = 0; c < kWidth; ++c) {
      const float y = static_cast<float>(group.expert + 1) * std::sin(group.hidden.row(r)[c]);
      partial.row(group.rows[r])[c] += to_fixed(group.weights[r] * y);
    }
  }
}

class Driver : public testing::Test {
 protected:
  Machine machine;
  std::unique_ptr<Model> model = model_of(std::make_unique<Toy>());
  std::unique_ptr<KvPool> pool = KvPool::make(model->info().kv, 8, machine.ledger).value();
  BlockTable a{*pool}, b{*pool};
  std::vector<float> logits;

  void SetUp() override {
    ASSERT_TRUE(a.reserve(10));
    ASSERT_TRUE(b.reserve(10));
  }

  // Sequence 0 with three rows, sequence 1 with two; logits of the last row of each.
  Batch five_rows() {
    Batch batch;
    batch.sequences = {&a, &b};
    for (std::uint32_t i = 0; i < 5; ++i) {
      Row row;
      row.token = static_cast<TokenId>(i % kWidth);
      row.sequence = i < 3 ? 0 : 1;
      row.slot = i < 3 ? i : i - 3;
      row.position[0] = static_cast<std::int32_t>(row.slot);
      row.want_logits = i == 2 || i == 4;
      batch.rows.push_back(row);
    }
    logits.assign(2 * kWidth, -1);
    batch.logits = {logits.data(), 2, kWidth};
    return batch;
  }
};

TEST_F(Driver, waits_at_the_expert_layer_and_goes_on_with_any_grouping_to_the_same_bits) {
  std::vector<std::vector<float>> results;
  for (const bool reversed : {false, true}) {
    Batch batch = five_rows();
    auto step = model->run(machine.ex, batch);
    ASSERT_TRUE(step) << step.error().message;
    auto* waiting = std::get_if<Waiting>(&*step);
    ASSERT_NE(waiting, nullptr);
    EXPECT_EQ(waiting->layer, 1u);
    ASSERT_EQ(waiting->groups.size(), kExperts);
    ASSERT_NE(batch.continuation, nullptr);
    EXPECT_FLOAT_EQ(waiting->groups[0].hidden.row(0)[0], 1.0F / 3.0F);
    EXPECT_EQ(logits[0], -1.0F) << "nothing is written before the pass is done";
    for (std::size_t g = 0; g < kExperts; ++g)
      serve(waiting->groups[reversed ? kExperts - 1 - g : g], waiting->partial);
    step = model->run(machine.ex, batch);
    ASSERT_TRUE(step) << step.error().message;
    EXPECT_TRUE(std::holds_alternative<Done>(*step));
    EXPECT_EQ(batch.continuation, nullptr);
    results.push_back(logits);
  }
  EXPECT_EQ(std::memcmp(results[0].data(), results[1].data(), results[0].size() * sizeof(float)), 0);
  // Row 2: token 2, experts 2 and 0.
  const float x = 2 + 1.0F / 3.0F;
  const float moe = 0.5F * 3 * std::sin(x) + 0.1F * std::sin(x);
  EXPECT_NEAR(results[0][0], (x + moe) * 2 + 0.5F, 1e-5F);
}

TEST_F(Driver, two_batches_are_under_way_at_once) {
  Batch first = five_rows();
  std::vector<float> first_logits(2 * kWidth);
  first.logits.data = first_logits.data();
  auto one = model->run(machine.ex, first);
  Batch second = five_rows();
  second.rows[2].token = 0;
  auto two = model->run(machine.ex, second);
  ASSERT_TRUE(one && two);
  for (auto* step : {&one, &two}) {
    auto& waiting = std::get<Waiting>(**step);
    for (const ExpertGroup& g : waiting.groups) serve(g, waiting.partial);
  }
  ASSERT_TRUE(model->run(machine.ex, second));
  ASSERT_TRUE(model->run(machine.ex, first));
  EXPECT_NE(first_logits[0], logits[0]) << "row 2 differs";
  EXPECT_EQ(first_logits[kWidth], logits[kWidth]) << "row 4 does not";
}

TEST_F(Driver, a_continuation_of_other_rows_is_refused) {
  Batch batch = five_rows();
  ASSERT_TRUE(model->run(machine.ex, batch));
  batch.rows.pop_back();
  batch.rows.back().want_logits = true;
  const auto step = model->run(machine.ex, batch);
  ASSERT_FALSE(step);
  EXPECT_EQ(step.error().param, "continuation");
}

TEST_F(Driver, taps_copy_hidden_rows_of_any_layer) {
  Batch batch = five_rows();
  std::vector<float> early(5 * kWidth), late(5 * kWidth);
  batch.taps = {{0, {early.data(), 5, kWidth}}, {3, {late.data(), 5, kWidth}}};
  ASSERT_TRUE(model->run(machine.ex, batch));
  ASSERT_TRUE(model->run(machine.ex, batch));  // no expert answers: partial sums stay zero
  EXPECT_FLOAT_EQ(early[1 * kWidth], 1 + 1.0F / 3.0F);
  EXPECT_FLOAT_EQ(late[1 * kWidth], (1 + 1.0F / 3.0F) * 2 + 0.5F) << "after the final norm";
  EXPECT_EQ(late[4 * kWidth], logits[kWidth]);
}

TEST_F(Driver, an_empty_batch_is_done) {
  Batch batch;
  const auto step = model->run(machine.ex, batch);
  ASSERT_TRUE(step);
  EXPECT_TRUE(std::holds_alternative<Done>(*step));
}

TEST_F(Driver, nan_in_wanted_logits_names_the_row) {
  Batch batch = five_rows();
  std::vector<float> broken(kWidth, std::numeric_limits<float>::quiet_NaN());
  batch.rows[4].token = -1;
  batch.rows[4].embedding = broken.data();
  ASSERT_TRUE(model->run(machine.ex, batch));
  const auto step = model->run(machine.ex, batch);
  ASSERT_FALSE(step);
  EXPECT_EQ(step.error().code, Errc::internal);
  EXPECT_THAT(step.error().message, HasSubstr("row 4"));
}

struct Refusal {
  const char* name;
  void (*spoil)(Batch&);
  const char* says;
};
void PrintTo(const Refusal& r, std::ostream* out) { *out << r.name; }
class DriverRefusals : public Driver, public testing::WithParamInterface<Refusal> {};

TEST_P(DriverRefusals, name_the_row) {
  Batch batch = five_rows();
  GetParam().spoil(batch);
  const auto step = model->run(machine.ex, batch);
  ASSERT_FALSE(step);
  EXPECT_EQ(step.error().code, Errc::invalid_argument);
  EXPECT_THAT(step.error().message, HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    engine, DriverRefusals,
    testing::Values(
        Refusal{"token", [](Batch& b) { b.rows[1].token = 4; }, "row 1 has the token 4, the vocabulary has 4"},
        Refusal{"negative_token", [](Batch& b) { b.rows[1].token = -1; }, "row 1 has the token -1"},
        Refusal{"slot", [](Batch& b) { b.rows[4].slot = 64; },
                "row 4 has the slot 64, its block table has room for 64"},
        Refusal{"position", [](Batch& b) { b.rows[4].position[0] = 100; },
                "row 4 has the position 100, the context has 100"},
        Refusal{"third_position", [](Batch& b) { b.rows[4].position[2] = -1; }, "row 4 has the position -1"},
        Refusal{"sequence", [](Batch& b) { b.rows[4].sequence = 2; }, "row 4 names the sequence 2, there are 2"},
        Refusal{"slots_descend", [](Batch& b) { b.rows[4].slot = 0; }, "row 4 has the slot 0 after the slot 0"},
        Refusal{"not_contiguous",
                [](Batch& b) {
                  b.rows[4].sequence = 0;
                  b.rows[4].slot = 5;
                },
                "row 4 belongs to the sequence 0"},
        Refusal{"span_of_absent_rows",
                [](Batch& b) {
                  b.rows[3].mask = MaskKind::span;
                  b.rows[3].span_end = 4;
                },
                "row 3 (slot 0) is in a span that ends at 4"},
        Refusal{"span_behind",
                [](Batch& b) {
                  b.rows[4].mask = MaskKind::span;
                  b.rows[4].span_end = 1;
                },
                "row 4 (slot 1)"},
        Refusal{"logits_rows", [](Batch& b) { b.logits.rows = 1; }, "logits are [1, 4], [2, 4] are wanted"},
        Refusal{"tap_layer",
                [](Batch& b) {
                  static float x[20];
                  b.taps.push_back({4, {x, 5, kWidth}});
                },
                "the tap of layer 4"},
        Refusal{"no_table", [](Batch& b) { b.sequences[1] = nullptr; }, "sequence 1 has no block table"}),
    [](const auto& row) { return std::string{row.param.name}; });

TEST_F(Driver, a_pool_of_another_shape_is_refused) {
  const auto other = KvPool::make({2, 1, 4, DType::f32}, 2, machine.ledger).value();
  BlockTable table{*other};
  ASSERT_TRUE(table.reserve(10));
  Batch batch = five_rows();
  batch.sequences = {&table, &table};
  EXPECT_THAT(model->run(machine.ex, batch).error().message, HasSubstr("the KV pool is of 2 layers"));
}

// The embedding of a token, given as a row of numbers, is the token.
TEST(rows, embeddings_and_tokens_mix) {
  const auto tiny = load_tiny(tiny_gguf("llama"));
  ASSERT_TRUE(tiny) << tiny.error().message;
  Machine machine;
  const auto pool = KvPool::make(tiny->model->info().kv, 4, machine.ledger).value();
  const TensorView* table = tiny->source->find("token_embd.weight");
  std::vector<float> embedding(64);
  std::memcpy(embedding.data(), table->bytes.data() + 7 * 64 * sizeof(float), 64 * sizeof(float));
  std::vector<float> logits[2];
  for (const bool as_embedding : {false, true}) {
    BlockTable pages{*pool};
    ASSERT_TRUE(pages.reserve(3));
    Batch batch;
    batch.sequences = {&pages};
    for (std::uint32_t i = 0; i < 3; ++i) {
      Row row;
      row.token = static_cast<TokenId>(6 + i);
      row.slot = i;
      row.position[0] = static_cast<std::int32_t>(i);
      row.want_logits = i == 2;
      if (as_embedding && i == 1) {
        row.token = -1;
        row.embedding = embedding.data();
        row.modality = Modality::image;
      }
      batch.rows.push_back(row);
    }
    auto& out = logits[as_embedding];
    out.resize(kTinyVocab);
    batch.logits = {out.data(), 1, kTinyVocab};
    const auto step = tiny->model->run(machine.ex, batch);
    ASSERT_TRUE(step) << step.error().message;
  }
  EXPECT_EQ(logits[0], logits[1]);
}

// Inside a span every row sees the later ones; a causal row does not.
TEST(rows, spans_see_ahead) {
  const auto tiny = load_tiny(tiny_gguf("gemma3"));
  ASSERT_TRUE(tiny) << tiny.error().message;
  Machine machine;
  const auto pool = KvPool::make(tiny->model->info().kv, 4, machine.ledger).value();
  const auto first_row = [&](MaskKind mask, TokenId last) {
    BlockTable pages{*pool};
    EXPECT_TRUE(pages.reserve(3));
    Batch batch;
    batch.sequences = {&pages};
    for (std::uint32_t i = 0; i < 3; ++i) {
      Row row;
      row.token = i == 2 ? last : 5;
      row.slot = i;
      row.position[0] = static_cast<std::int32_t>(i);
      row.mask = mask;
      row.span_end = 3;
      row.want_logits = i == 0;
      batch.rows.push_back(row);
    }
    std::vector<float> out(kTinyVocab);
    batch.logits = {out.data(), 1, kTinyVocab};
    EXPECT_TRUE(tiny->model->run(machine.ex, batch));
    return out;
  };
  EXPECT_EQ(first_row(MaskKind::causal, 8), first_row(MaskKind::causal, 9));
  EXPECT_NE(first_row(MaskKind::span, 8), first_row(MaskKind::span, 9));
}

}  // namespace
}  // namespace zenith::models
