// The stack on real threads with a toy model: loading, failing, draining, stopping. Waits on conditions, never on time.
#include "zenith/services/stack.hpp"

#include <future>

#include "waiting_client.hpp"

namespace zenith::services {
namespace {

using messages::Health;

struct StackTest : testing::Test {
  std::unique_ptr<Effects> effects = system_effects();
  MemoryLedger ledger{1u << 30};
  Metrics metrics;

  StackOptions toy_options(std::vector<std::string> models = {"toy"}) {
    StackOptions options;
    options.config.services = {{.role = "text", .models = std::move(models)}};
    options.config.lanes.compute = 1;
    options.find = [](const std::string& name) -> Expected<std::filesystem::path> { return name; };
    options.load = [](const ModelSpec&, MemoryLedger&) -> Expected<models::LoadedModel> { return toy::load(); };
    return options;
  }
  std::unique_ptr<Stack> start(StackOptions options) {
    auto stack = Stack::start(std::move(options), *effects, ledger, metrics);
    return stack ? std::move(*stack) : nullptr;
  }
  messages::Generate request(std::string prompt, std::uint32_t max_tokens) {
    messages::Generate r;
    r.header.id = effects->next_request_id();
    r.header.deadline = {effects->clock().now() + 60s};
    r.model = "toy";
    r.prompt = std::move(prompt);
    r.sampling.temperature = 0;
    r.max_tokens = max_tokens;
    return r;
  }
};

TEST_F(StackTest, sixty_four_clients_on_real_threads_each_get_their_own_text) {
  const auto stack = start(toy_options());
  ASSERT_TRUE(stack->wait_loaded(60s));
  std::vector<std::shared_ptr<WaitingClient>> clients;
  for (int i = 0; i < 64; ++i) {
    clients.push_back(std::make_shared<WaitingClient>());
    auto r = request(fmt::format("client {}", i), 40);
    const RequestId id = r.header.id;
    stack->port().generate(std::move(r), clients.back());
    if (i % 2 == 1) stack->port().cancel(id);
  }
  for (int i = 0; i < 64; ++i) {
    auto& client = *clients[static_cast<std::size_t>(i)];
    ASSERT_TRUE(client.wait_end()) << i;
    if (i % 2 == 0) {
      EXPECT_EQ(client.got.text[0], toy::expected_text(fmt::format("client {}", i), 40));
    }
    EXPECT_EQ(client.got.last_events, 1);
  }
}

TEST_F(StackTest, while_a_model_loads_requests_hear_so_and_readyz_shows_it) {
  std::promise<void> go;
  auto options = toy_options();
  options.load = [wait = go.get_future().share()](const ModelSpec&, MemoryLedger&) -> Expected<models::LoadedModel> {
    wait.wait();
    return toy::load();
  };
  const auto stack = start(std::move(options));
  EXPECT_EQ(stack->snapshot().overall, Health::loading);
  const auto early = std::make_shared<WaitingClient>();
  stack->port().generate(request("x", 4), early);
  ASSERT_TRUE(early->wait_end());
  EXPECT_EQ(early->got.error->code, Errc::loading);
  go.set_value();
  ASSERT_TRUE(stack->wait_loaded(60s));
  EXPECT_EQ(stack->snapshot().overall, Health::ready);
  const auto later = std::make_shared<WaitingClient>();
  stack->port().generate(request("x", 4), later);
  ASSERT_TRUE(later->wait_end());
  EXPECT_TRUE(later->got.finished);
}

TEST_F(StackTest, a_model_that_fails_to_load_says_why_and_the_others_serve) {
  auto options = toy_options({"broken", "toy"});
  options.load = [](const ModelSpec& spec, MemoryLedger&) -> Expected<models::LoadedModel> {
    if (spec.name == "broken") return fail(Errc::bad_file, "tensor 'x' ends at 10, the file at 8", "x");
    return toy::load();
  };
  const auto stack = start(std::move(options));
  const auto loaded = stack->wait_loaded(60s);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, Errc::unavailable);
  EXPECT_NE(loaded.error().message.find("tensor 'x' ends at 10"), std::string::npos);
  const auto snapshot = stack->snapshot();
  EXPECT_EQ(snapshot.overall, Health::ready);
  ASSERT_EQ(snapshot.services.size(), 3u);
  EXPECT_EQ(snapshot.services[1].health, Health::failed);
  EXPECT_EQ(snapshot.services[1].detail, "tensor 'x' ends at 10, the file at 8");
  EXPECT_EQ(snapshot.models.size(), 1u);
  auto r = request("x", 4);
  r.model = "broken";
  const auto client = std::make_shared<WaitingClient>();
  stack->port().generate(std::move(r), client);
  ASSERT_TRUE(client->wait_end());
  EXPECT_EQ(client->got.error->code, Errc::unavailable);
}

TEST_F(StackTest, too_little_memory_is_said_with_the_missing_number) {
  MemoryLedger small{1000};
  auto stack = Stack::start(toy_options(), *effects, small, metrics);
  ASSERT_TRUE(stack);
  const auto loaded = (*stack)->wait_loaded(60s);
  ASSERT_FALSE(loaded);
  EXPECT_NE(loaded.error().message.find("are missing"), std::string::npos) << loaded.error().message;
}

TEST_F(StackTest, draining_finishes_what_runs_and_refuses_what_comes) {
  const auto stack = start(toy_options());
  ASSERT_TRUE(stack->wait_loaded(60s));
  const auto running = std::make_shared<WaitingClient>();
  stack->port().generate(request("runs", 200), running);
  ASSERT_TRUE(running->wait([](const Client& c) { return c.deltas > 0; }));
  stack->drain({effects->clock().now() + 60s});
  EXPECT_EQ(running->got.text[0], toy::expected_text("runs", 200));
  const auto late = std::make_shared<WaitingClient>();
  stack->port().generate(request("late", 4), late);
  EXPECT_EQ(late->got.error->code, Errc::draining);
}

TEST_F(StackTest, what_does_not_end_in_the_drain_time_is_cancelled_with_a_clear_error) {
  const auto stack = start(toy_options());
  ASSERT_TRUE(stack->wait_loaded(60s));
  auto r = request("for ever", 400);
  r.credit_events = 2;  // and nobody grants more
  const auto stuck = std::make_shared<WaitingClient>();
  stack->port().generate(std::move(r), stuck);
  ASSERT_TRUE(stuck->wait([](const Client& c) { return c.deltas == 2; }));
  stack->drain({effects->clock().now() + 1ms});
  ASSERT_TRUE(stuck->got.error);
  EXPECT_EQ(stuck->got.error->code, Errc::draining);
  EXPECT_EQ(stuck->got.last_events, 1);
}

TEST_F(StackTest, stopping_with_open_requests_gives_each_its_last_event) {
  std::vector<std::shared_ptr<WaitingClient>> clients;
  {
    const auto stack = start(toy_options());
    ASSERT_TRUE(stack->wait_loaded(60s));
    for (int i = 0; i < 16; ++i) {
      clients.push_back(std::make_shared<WaitingClient>());
      auto r = request("x", 400);
      r.credit_events = 1;
      stack->port().generate(std::move(r), clients.back());
    }
  }
  for (const auto& c : clients) EXPECT_EQ(c->got.last_events, 1);
  EXPECT_EQ(ledger.used(), 0u) << "pages and buffers are back";
}

TEST_F(StackTest, calls_are_answered_and_bad_ones_by_name) {
  const auto stack = start(toy_options());
  ASSERT_TRUE(stack->wait_loaded(60s));
  const auto header = [&] {
    return messages::Header{effects->next_request_id(), {}, {effects->clock().now() + 60s}, {}, {}};
  };
  const auto tokens = answer_of<messages::Tokens>(
      [&](auto reply) { stack->port().tokenize({header(), "toy", "ab", true, false}, std::move(reply)); });
  ASSERT_TRUE(tokens);
  EXPECT_EQ(tokens->tokens, (std::vector<TokenId>{toy::kBos, 'a', 'b'}));
  const auto bad = answer_of<messages::Text>(
      [&](auto reply) { stack->port().detokenize({header(), "toy", {-1}}, std::move(reply)); });
  EXPECT_EQ(bad.error().param, "tokens");
  const auto no_template = answer_of<messages::Text>(
      [&](auto reply) { stack->port().apply_template({header(), "toy", {}, true}, std::move(reply)); });
  EXPECT_EQ(no_template.error().code, Errc::unsupported);
  const auto no_vectors = answer_of<messages::Embeddings>(
      [&](auto reply) { stack->port().embed({header(), "toy", {std::string{"x"}}}, std::move(reply)); });
  EXPECT_EQ(no_vectors.error().code, Errc::invalid_argument);
}

struct BadConfigCase {
  const char* name;
  ServiceConfig service;
  const char* key;
};
class BadConfig : public StackTest, public testing::WithParamInterface<BadConfigCase> {};

TEST_P(BadConfig, is_refused_by_its_key) {
  StackOptions options = toy_options();
  options.config.services = {GetParam().service};
  const auto stack = Stack::start(std::move(options), *effects, ledger, metrics);
  ASSERT_FALSE(stack);
  EXPECT_EQ(stack.error().code, Errc::invalid_argument);
  EXPECT_EQ(stack.error().param, GetParam().key);
}

INSTANTIATE_TEST_SUITE_P(
    stack, BadConfig,
    testing::Values(
        BadConfigCase{"role", {.role = "tekst", .models = {"toy"}}, "service.role"},
        BadConfigCase{"no_model", {.role = "text"}, "service.model"},
        BadConfigCase{"numerics", {.role = "text", .models = {"toy"}, .numerics = "f64"}, "service.numerics"},
        BadConfigCase{"sequences", {.role = "text", .models = {"toy"}, .sequences = 0}, "service.sequences"},
        BadConfigCase{"queue", {.role = "text", .models = {"toy"}, .queue = 0}, "service.queue"},
        BadConfigCase{"twice", {.role = "text", .models = {"toy", "toy"}}, "service.id"}),
    [](const auto& i) { return std::string{i.param.name}; });

}  // namespace
}  // namespace zenith::services
