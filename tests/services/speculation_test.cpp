// Drafts from the context change when tokens come, and nothing else: whatever is asked for, the client gets event for
// event and bit for bit what it gets without them.
#include "played.hpp"

namespace zenith::services {
namespace {

constexpr const char* kDrafted = "zenith_draft_tokens_total{kind=\"drafted\",model=\"toy\"}";
constexpr const char* kAccepted = "zenith_draft_tokens_total{kind=\"accepted\",model=\"toy\"}";

ModelSpec spec_with(std::uint32_t draft_tokens) {
  ModelSpec spec;
  spec.draft_tokens = draft_tokens;
  return spec;
}

struct Totals {
  double drafted = 0, accepted = 0;
  int kills = 0;
};

void expect_same_without(std::uint64_t seed, ModelSpec spec, const ModelLoader& load, bool chat,
                         std::uint64_t kill_one_in, Totals& totals) {
  spec.draft_tokens = 0;
  const Played plain = play(seed, spec, load, chat, 0);
  ASSERT_EQ(plain.drafted, 0);
  spec.draft_tokens = 15;
  const Played ahead = play(seed, spec, load, chat, kill_one_in);
  totals.drafted += ahead.drafted;
  totals.accepted += ahead.accepted;
  totals.kills += ahead.kills;
  for (std::size_t i = 0; i < plain.clients.size(); ++i) {
    ASSERT_TRUE(plain.clients[i]->finished) << "seed " << seed << " " << shown(*plain.clients[i]);
    ASSERT_EQ(shown(*ahead.clients[i]), shown(*plain.clients[i])) << "seed " << seed << " request " << i;
    ASSERT_EQ(ahead.clients[i]->after_last, 0) << "seed " << seed;
  }
}

ModelLoader toy_loader() {
  return [](const ModelSpec&, MemoryLedger&) -> Expected<models::LoadedModel> {
    return toy::load(512, "{{ messages[0].content }}{# <think> #}");
  };
}

TEST(speculation, every_kind_of_request_gets_the_events_that_it_gets_without) {
  Totals totals;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    expect_same_without(seed, {}, toy_loader(), true, 0, totals);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(totals.accepted, 500) << "the test must guess right";
  EXPECT_GT(totals.drafted - totals.accepted, 100) << "the test must guess wrong";
}

TEST(speculation, a_lost_service_is_made_up_for_with_the_same_events) {
  Totals totals;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    expect_same_without(seed, {}, toy_loader(), true, 2 + seed % 20, totals);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(totals.accepted, 200);
  EXPECT_GT(totals.kills, 300) << "the test must shake";
}

class TinySpeculation : public testing::TestWithParam<std::pair<const char*, kernels::Numerics>> {};

TEST_P(TinySpeculation, has_the_same_tokens_and_log_probabilities_in_bits) {
  const auto load = [](const ModelSpec& asked, MemoryLedger& ledger) {
    ModelSpec spec = asked;
    spec.path = std::filesystem::path{ZENITH_TEST_DATA} / "parity" / (std::string{GetParam().first} + ".gguf");
    return load_with_engine(spec, ledger);
  };
  ModelSpec spec;
  spec.numerics = GetParam().second;
  Totals totals;
  for (std::uint64_t seed = 1; seed <= 15; ++seed) {
    expect_same_without(seed, spec, load, false, 0, totals);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(totals.accepted, 20) << "random weights fall into loops";
}

INSTANTIATE_TEST_SUITE_P(speculation, TinySpeculation,
                         testing::Values(std::pair{"tiny-llama", kernels::Numerics::exact},
                                         std::pair{"tiny-legacy", kernels::Numerics::fast},
                                         std::pair{"tiny-kquant", kernels::Numerics::fast},
                                         std::pair{"tiny-gemma3", kernels::Numerics::fast}),
                         [](const auto& i) {
                           std::string name = i.param.first;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

const std::string kLine = "for (int i = 0; i < count; ++i) total += values[i];";

TEST(speculation, a_quotation_takes_a_fraction_of_the_passes) {
  std::size_t passes[2];
  for (const std::uint32_t drafts : {0u, 15u}) {
    Graph graph(spec_with(drafts));
    const auto client = graph.send(graph.request("script:" + kLine + "|", 200));
    graph.run();
    EXPECT_EQ(client->text[0], kLine);
    EXPECT_EQ(client->finished->usage.completion_tokens, kLine.size() + 1);
    EXPECT_EQ(client->deltas, static_cast<int>(kLine.size())) << "a token is still an event";
    EXPECT_EQ(graph.pages_in_use(), 0u);
    passes[drafts > 0] = graph.model().passes;
  }
  EXPECT_LT(passes[1] * 3, passes[0]);
}

TEST(speculation, a_client_of_little_credit_gets_no_more_events_than_it_granted) {
  Graph graph(spec_with(15));
  auto r = graph.request("script:" + kLine + "|", 200);
  r.credit_events = 5;
  const auto id = r.header.id;
  const auto client = graph.send(std::move(r));
  graph.run();
  EXPECT_EQ(client->deltas, 5);
  graph.port.grant(id, 3);
  graph.run();
  EXPECT_EQ(client->deltas, 8);
}

TEST(speculation, an_answer_never_passes_its_limit_in_tokens_or_pages) {
  for (std::uint32_t most = 1; most < 40; ++most) {
    Graph graph(spec_with(15));
    const auto client = graph.send(graph.request("script:" + kLine + "|", most));
    graph.run();
    ASSERT_EQ(client->text[0], kLine.substr(0, most));
    ASSERT_EQ(client->finished->usage.completion_tokens, most);
  }
}

TEST(speculation, metrics_say_how_many_were_right) {
  Graph graph(spec_with(15));
  graph.send(graph.request("script:" + kLine + "|", 200));
  graph.run();
  EXPECT_GT(graph.gauge(kAccepted), 30);
  EXPECT_GE(graph.gauge(kDrafted), graph.gauge(kAccepted));
  EXPECT_EQ(graph.gauge("zenith_tokens_total{kind=\"generated\",model=\"toy\"}"),
            static_cast<double>(kLine.size() + 1));
}

// A model whose passes fail when a sequence has two decode rows.
class NoDrafts final : public models::Model {
 public:
  const models::ModelInfo& info() const noexcept override { return toy_.info(); }
  Expected<models::Step> run(kernels::Exec& ex, models::Batch& batch) override {
    for (std::size_t i = 1; i < batch.rows.size(); ++i) {
      if (batch.rows[i].phase == kernels::Phase::decode && batch.rows[i].sequence == batch.rows[i - 1].sequence &&
          batch.rows[i - 1].phase == kernels::Phase::decode) {
        ++failed;
        return fail(Errc::internal, "NaN in a drafted row", "rows");
      }
    }
    return toy_.run(ex, batch);
  }
  static inline int failed = 0;

 private:
  toy::ToyModel toy_{512};
};

TEST(speculation, a_draft_that_breaks_a_pass_costs_its_sequence_nothing) {
  NoDrafts::failed = 0;
  Graph graph(spec_with(15), 1, [](const ModelSpec&, MemoryLedger&) -> Expected<models::LoadedModel> {
    auto loaded = toy::load();
    loaded.model = std::make_unique<NoDrafts>();
    return loaded;
  });
  const auto one = graph.send(graph.request("script:" + kLine + "|", 30));
  const auto two = graph.send(graph.request("other", 30));
  graph.run();
  EXPECT_EQ(one->text[0], kLine.substr(0, 30));
  EXPECT_EQ(two->text[0], toy::expected_text("other", 30));
  EXPECT_GT(NoDrafts::failed, 0);
}

}  // namespace
}  // namespace zenith::services
