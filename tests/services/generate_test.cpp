// Generations through the whole graph: port, session, router, text service, lane, and back.
#include "harness.hpp"

namespace zenith::services {
namespace {

using messages::FinishReason;

TEST(generate, greedy_tokens_stream_through_the_actors) {
  Graph graph;
  const auto client = graph.send(graph.request("hello", 12));
  graph.run();
  ASSERT_TRUE(client->finished) << (client->error ? client->error->message : "no end");
  EXPECT_EQ(client->text[0], toy::expected_text("hello", 12));
  EXPECT_EQ(client->deltas, 12);
  EXPECT_EQ(client->prompt_tokens, 6u);
  EXPECT_EQ(client->ends[0], FinishReason::length);
  EXPECT_EQ(client->finished->usage.prompt_tokens, 6u);
  EXPECT_EQ(client->finished->usage.completion_tokens, 12u);
  EXPECT_EQ(client->last_events, 1);
  EXPECT_EQ(graph.sessions.size(), 0u);
}

TEST(generate, sixty_four_at_once_say_what_each_says_alone) {
  Graph graph;
  std::vector<std::shared_ptr<Client>> clients;
  for (int i = 0; i < 64; ++i) {
    clients.push_back(graph.send(
        graph.request(fmt::format("prompt {} {}", i, std::string(static_cast<std::size_t>(i * 5), 'p')), 70)));
  }
  graph.run();
  for (int i = 0; i < 64; ++i) {
    const std::string prompt = fmt::format("prompt {} {}", i, std::string(static_cast<std::size_t>(i * 5), 'p'));
    EXPECT_EQ(clients[static_cast<std::size_t>(i)]->text[0], toy::expected_text(prompt, 70)) << i;
  }
  EXPECT_LE(graph.model().widest, 256u);
  EXPECT_LT(graph.model().passes, 200u) << "they share their steps";
  EXPECT_EQ(graph.pages_in_use(), 0u);
}

TEST(generate, an_alias_means_its_model) {
  Graph graph;
  auto r = graph.request("hi", 4);
  r.model = "gpt-4o-mini";
  const auto client = graph.send(std::move(r));
  graph.run();
  EXPECT_TRUE(client->finished);
}

TEST(generate, the_end_token_ends_it_and_is_not_text) {
  Graph graph;
  const auto client = graph.send(graph.request("script:good bye|", 50));
  graph.run();
  EXPECT_EQ(client->text[0], "good bye");
  EXPECT_EQ(client->ends[0], FinishReason::stop);
  EXPECT_EQ(client->finished->usage.completion_tokens, 9u);
}

TEST(generate, ignoring_the_end_goes_on_to_the_limit) {
  Graph graph;
  auto r = graph.request("script:ab|", 6);
  r.sampling.ignore_eos = true;
  const auto client = graph.send(std::move(r));
  graph.run();
  EXPECT_EQ(client->ends[0], FinishReason::length);
  EXPECT_EQ(client->finished->usage.completion_tokens, 6u);
}

TEST(generate, a_stop_string_is_cut_even_when_it_straddles_tokens) {
  Graph graph;
  auto r = graph.request("script:one STOP two|", 50);
  r.stop = {" STOP"};
  const auto client = graph.send(std::move(r));
  graph.run();
  EXPECT_EQ(client->text[0], "one");
  EXPECT_EQ(client->ends[0], FinishReason::stop);
  EXPECT_EQ(graph.pages_in_use(), 0u);
}

TEST(generate, half_a_character_is_never_sent) {
  Graph graph;
  const auto client = graph.send(graph.request("script:h\xC3\xA9|", 2));  // ends after the first byte of é
  graph.run();
  EXPECT_EQ(client->text[0], "h\xEF\xBF\xBD");
}

TEST(generate, echo_gives_the_prompt_first) {
  Graph graph;
  auto r = graph.request("script:!|", 5);
  r.echo = true;
  const auto client = graph.send(std::move(r));
  graph.run();
  EXPECT_EQ(client->text[0], "script:!|!");
}

TEST(generate, echo_without_any_new_token_gives_the_prompt_only) {
  Graph graph;
  auto r = graph.request("only this", 0);
  r.echo = true;
  const auto client = graph.send(std::move(r));
  graph.run();
  EXPECT_EQ(client->text[0], "only this");
  EXPECT_EQ(client->ends[0], FinishReason::length);
  EXPECT_EQ(client->finished->usage.completion_tokens, 0u);
}

TEST(generate, logprobs_of_an_echoed_prompt_are_refused_by_name) {
  Graph graph;
  auto r = graph.request("x", 5);
  r.echo = r.logprobs = true;
  const auto client = graph.send(std::move(r));
  graph.run();
  EXPECT_EQ(client->error->code, Errc::unsupported);
  EXPECT_EQ(client->error->param, "logprobs");
}

TEST(generate, logprobs_come_with_their_text) {
  Graph graph;
  auto r = graph.request("script:ab|", 10);
  r.logprobs = true;
  r.top_logprobs = 2;
  const auto client = graph.send(std::move(r));
  graph.run();
  ASSERT_EQ(client->logprobs.size(), 2u);
  EXPECT_EQ(client->logprobs[0].picked.bytes, "a");
  EXPECT_EQ(client->logprobs[0].top.size(), 2u);
  EXPECT_LE(client->logprobs[0].picked.logprob, 0.0F);
}

TEST(generate, a_bias_bans_a_token) {
  Graph graph;
  auto r = graph.request("script:aaa|", 3);
  r.sampling.logit_bias = {{'a', -100.0F}};
  const auto client = graph.send(std::move(r));
  graph.run();
  EXPECT_EQ(client->text[0].find('a'), std::string::npos);
}

TEST(generate, ids_outside_the_vocabulary_are_refused_by_field) {
  Graph graph;
  auto biased = graph.request("x", 3);
  biased.sampling.logit_bias = {{9999, 1.0F}};
  auto ids = graph.request("x", 3);
  ids.prompt = std::vector<TokenId>{1, -5};
  const auto a = graph.send(std::move(biased)), b = graph.send(std::move(ids));
  graph.run();
  EXPECT_EQ(a->error->param, "logit_bias");
  EXPECT_EQ(b->error->param, "prompt");
}

TEST(generate, thinking_is_split_from_the_answer) {
  const auto load = [](const ModelSpec&, MemoryLedger&) -> Expected<models::LoadedModel> {
    return toy::load(512, "{{ messages[0].content }}{# <think> #}");
  };
  Graph graph({}, 1, load);
  auto r = graph.request("", 60);
  r.prompt = messages::Chat{{{"user", {"script:<think>hm</think>yes|"}, {}, {}}}, {}, {}};
  const auto client = graph.send(std::move(r));
  graph.run();
  ASSERT_TRUE(client->finished) << client->error->message;
  EXPECT_EQ(client->reasoning, "hm");
  EXPECT_EQ(client->text[0], "yes");
}

TEST(generate, a_chat_without_a_template_is_refused_by_name) {
  Graph graph;
  auto r = graph.request("", 4);
  r.prompt = messages::Chat{{{"user", {"hi"}, {}, {}}}, {}, {}};
  const auto client = graph.send(std::move(r));
  graph.run();
  EXPECT_EQ(client->error->code, Errc::unsupported);
  EXPECT_EQ(client->error->param, "messages");
}

TEST(generate, choices_with_a_seed_differ_and_repeat) {
  Graph graph;
  std::map<std::uint32_t, std::string> texts[2];
  for (auto& text : texts) {
    auto r = graph.request("dice", 24);
    r.choices = 3;
    r.sampling.temperature = 5;
    r.sampling.seed = 11;
    const auto client = graph.send(std::move(r));
    graph.run();
    text = client->text;
  }
  EXPECT_EQ(texts[0], texts[1]);
  EXPECT_NE(texts[0][0], texts[0][1]);
}

TEST(generate, a_prompt_over_the_context_names_both_numbers) {
  Graph graph;
  const auto client = graph.send(graph.request(std::string(600, 'x'), 4));
  graph.run();
  EXPECT_EQ(client->error->code, Errc::context_overflow);
  EXPECT_NE(client->error->message.find("601"), std::string::npos);
  EXPECT_NE(client->error->message.find("512"), std::string::npos);
}

TEST(generate, metrics_tell_what_happened) {
  Graph graph;
  graph.send(graph.request("hello", 12));
  graph.run();
  EXPECT_EQ(graph.gauge("zenith_tokens_total{kind=\"generated\",model=\"toy\"}"), 12);
  EXPECT_EQ(graph.gauge("zenith_kv_pages_used{model=\"toy\"}"), 0);
  EXPECT_EQ(graph.gauge("zenith_running_sequences{model=\"toy\"}"), 0);
  EXPECT_EQ(graph.gauge("zenith_requests_total{kind=\"generate\",outcome=\"finished\"}"), 1);
  EXPECT_EQ(graph.gauge("zenith_time_to_first_token_seconds_count{model=\"toy\"}"), 1);
  EXPECT_EQ(graph.gauge("zenith_inter_token_seconds_count{model=\"toy\"}"), 11);
}

}  // namespace
}  // namespace zenith::services
