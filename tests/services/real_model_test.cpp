// The stack with the default models, on real threads. The models must be there: `make run` or `zenith pull
// smollm2-135m`.
#include "waiting_client.hpp"

namespace zenith::services {
namespace {

struct RealModel : testing::Test {
  static void SetUpTestSuite() {
    StackOptions options;
    options.config.services = {{.role = "text", .id = "text", .models = {"smollm2-135m"}, .kv_bytes = 256u << 20},
                               {.role = "text", .id = "vectors", .models = {"minilm-l6"}}};
    options.config.aliases = {{"gpt-4o-mini", "smollm2-135m"}};
    auto started = Stack::start(std::move(options), *effects(), ledger(), metrics());
    ASSERT_TRUE(started) << started.error().message;
    stack = std::move(*started);
    const auto loaded = stack->wait_loaded(std::chrono::minutes(2));
    ASSERT_TRUE(loaded) << loaded.error().message;
  }
  static void TearDownTestSuite() { stack.reset(); }

  void SetUp() override { ASSERT_TRUE(stack); }

  static messages::Generate chat(std::string question, std::uint32_t max_tokens) {
    messages::Generate r;
    r.header.id = effects()->next_request_id();
    r.header.deadline = {effects()->clock().now() + 120s};
    r.model = "smollm2-135m";
    r.prompt = messages::Chat{{{"user", {std::move(question)}, {}, {}}}, {}, {}};
    r.sampling.temperature = 0;
    r.max_tokens = max_tokens;
    return r;
  }
  static std::shared_ptr<WaitingClient> send(messages::Generate r) {
    auto client = std::make_shared<WaitingClient>();
    stack->port().generate(std::move(r), client);
    return client;
  }

  static Effects* effects() {
    static const auto instance = system_effects();
    return instance.get();
  }
  static MemoryLedger& ledger() {
    static MemoryLedger instance{4ull << 30};
    return instance;
  }
  static Metrics& metrics() {
    static Metrics instance;
    return instance;
  }
  static inline std::unique_ptr<Stack> stack;
};

TEST_F(RealModel, a_greedy_chat_says_something_sensible) {
  const auto client = send(chat("What is the capital of France?", 32));
  ASSERT_TRUE(client->wait_end());
  ASSERT_TRUE(client->got.finished) << client->got.error->message;
  EXPECT_NE(client->got.text[0].find("Paris"), std::string::npos) << client->got.text[0];
  EXPECT_EQ(client->got.ends[0], messages::FinishReason::stop);
  EXPECT_GT(client->got.prompt_tokens, 20u);
}

TEST_F(RealModel, the_same_text_alone_and_among_others) {
  const std::vector<std::string> questions{"Name three fruits.", "Why is the sky blue?", "Write a haiku about snow.",
                                           "What is 2 + 2?",     "Who wrote Hamlet?",    "Count to five."};
  std::vector<std::string> alone;
  for (const auto& q : questions) {
    const auto client = send(chat(q, 12));
    ASSERT_TRUE(client->wait_end());
    alone.push_back(client->got.text[0]);
  }
  std::vector<std::shared_ptr<WaitingClient>> together;
  for (const auto& q : questions) together.push_back(send(chat(q, 12)));
  for (std::size_t i = 0; i < questions.size(); ++i) {
    ASSERT_TRUE(together[i]->wait_end());
    EXPECT_EQ(together[i]->got.text[0], alone[i]) << questions[i];
  }
}

TEST_F(RealModel, tokens_and_templates_come_back_through_the_graph) {
  messages::Tokenize request;
  request.header.id = effects()->next_request_id();
  request.header.deadline = {effects()->clock().now() + 60s};
  request.model = "gpt-4o-mini";
  request.content = "Hello world";
  const auto tokens =
      answer_of<messages::Tokens>([&](auto reply) { stack->port().tokenize(request, std::move(reply)); });
  ASSERT_TRUE(tokens) << tokens.error().message;
  messages::Detokenize back{
      {effects()->next_request_id(), {}, request.header.deadline, {}, {}}, "smollm2-135m", tokens->tokens};
  const auto text = answer_of<messages::Text>([&](auto reply) { stack->port().detokenize(back, std::move(reply)); });
  ASSERT_TRUE(text);
  EXPECT_EQ(text->text, "Hello world");
  messages::ApplyTemplate apply{
      {effects()->next_request_id(), {}, request.header.deadline, {}, {}}, "smollm2-135m", {}, true};
  apply.chat.messages = {{"user", {"Hi"}, {}, {}}};
  const auto prompt =
      answer_of<messages::Text>([&](auto reply) { stack->port().apply_template(apply, std::move(reply)); });
  ASSERT_TRUE(prompt);
  EXPECT_NE(prompt->text.find("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant"), std::string::npos)
      << prompt->text;
}

TEST_F(RealModel, embeddings_are_unit_vectors_close_by_meaning_and_the_same_in_company) {
  const auto embed = [](std::vector<std::string> texts) {
    messages::Embed r;
    r.header = {effects()->next_request_id(), {}, {effects()->clock().now() + 120s}, {}, {}};
    r.model = "minilm-l6";
    for (auto& t : texts) r.inputs.emplace_back(std::move(t));
    return answer_of<messages::Embeddings>([&](auto reply) { stack->port().embed(std::move(r), std::move(reply)); });
  };
  const auto dot = [](const std::vector<float>& a, const std::vector<float>& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += double{a[i]} * b[i];
    return sum;
  };
  const auto all = embed({"A cat sits on the mat.", "A kitten rests on the rug.", "Interest rates rose again."});
  ASSERT_TRUE(all) << all.error().message;
  ASSERT_EQ(all->vectors.size(), 3u);
  EXPECT_EQ(all->vectors[0].size(), 384u);
  EXPECT_NEAR(dot(all->vectors[0], all->vectors[0]), 1.0, 1e-5);
  EXPECT_GT(dot(all->vectors[0], all->vectors[1]), dot(all->vectors[0], all->vectors[2]) + 0.2);
  const auto alone = embed({"Interest rates rose again."});
  ASSERT_TRUE(alone);
  EXPECT_EQ(alone->vectors[0], all->vectors[2]);
}

TEST_F(RealModel, a_text_too_long_for_the_embedding_model_is_refused_by_input_and_numbers) {
  messages::Embed r;
  r.header = {effects()->next_request_id(), {}, {effects()->clock().now() + 120s}, {}, {}};
  r.model = "minilm-l6";
  std::string words;
  for (int i = 0; i < 600; ++i) words += "word ";
  r.inputs = {std::string{"short"}, words};
  const auto answer =
      answer_of<messages::Embeddings>([&](auto reply) { stack->port().embed(std::move(r), std::move(reply)); });
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::context_overflow);
  EXPECT_EQ(answer.error().param, "input[1]");
  EXPECT_NE(answer.error().message.find("602"), std::string::npos) << answer.error().message;
}

}  // namespace
}  // namespace zenith::services
