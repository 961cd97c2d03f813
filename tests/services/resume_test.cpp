// A generation survives the loss of its service: whatever is asked for, wherever it is lost, the client gets event for
// event what it would have got.
#include "played.hpp"

namespace zenith::services {
namespace {

void expect_same(std::uint64_t seed, const ModelSpec& spec, const ModelLoader& load, bool chat, int& kills) {
  const Played quiet = play(seed, spec, load, chat, 0);
  const Played shaken = play(seed, spec, load, chat, 2 + seed % 20);
  kills += shaken.kills;
  for (std::size_t i = 0; i < quiet.clients.size(); ++i) {
    ASSERT_TRUE(quiet.clients[i]->finished) << "seed " << seed << " " << shown(*quiet.clients[i]);
    ASSERT_EQ(shown(*shaken.clients[i]), shown(*quiet.clients[i]))
        << "seed " << seed << " request " << i << " kills " << shaken.kills;
    ASSERT_EQ(shaken.clients[i]->after_last, 0) << "seed " << seed;
    ASSERT_EQ(shaken.clients[i]->second_ends, 0) << "seed " << seed;
  }
}

TEST(resume, a_toy_is_killed_at_random_and_every_client_sees_what_it_would_have_seen) {
  const auto load = [](const ModelSpec&, MemoryLedger&) -> Expected<models::LoadedModel> {
    return toy::load(512, "{{ messages[0].content }}{# <think> #}");
  };
  int kills = 0;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    expect_same(seed, {}, load, true, kills);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(kills, 1000) << "the test must shake";
}

struct TinyCase {
  const char* name;
  kernels::Numerics numerics;
};
class TinyModel : public testing::TestWithParam<TinyCase> {};

TEST_P(TinyModel, goes_on_with_the_same_bits) {
  const auto load = [](const ModelSpec& asked, MemoryLedger& ledger) {
    ModelSpec spec = asked;
    spec.path = std::filesystem::path{ZENITH_TEST_DATA} / "parity" / (std::string{GetParam().name} + ".gguf");
    return load_with_engine(spec, ledger);
  };
  ModelSpec spec;
  spec.numerics = GetParam().numerics;
  int kills = 0;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    expect_same(seed, spec, load, false, kills);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(kills, 20);
}

INSTANTIATE_TEST_SUITE_P(resume, TinyModel,
                         testing::Values(TinyCase{"tiny-llama", kernels::Numerics::exact},
                                         TinyCase{"tiny-legacy", kernels::Numerics::fast},
                                         TinyCase{"tiny-kquant", kernels::Numerics::fast},
                                         TinyCase{"tiny-gemma3", kernels::Numerics::fast}),
                         [](const auto& i) {
                           std::string name = i.param.name;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace zenith::services
