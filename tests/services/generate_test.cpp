// Generations through the whole graph: port, session, router, text service, lane, and back.
#include "harness.hpp"

namespace zenith::services {
namespace {

TEST(generate, greedy_tokens_stream_through_the_actors) {
  Graph graph;
  const auto client = graph.send(graph.request("hello", 12));
  graph.run();
  ASSERT_TRUE(client->finished) << (client->error ? client->error->message : "no end");
  EXPECT_EQ(client->text[0], toy::expected_text("hello", 12));
  EXPECT_EQ(client->deltas, 12);
  EXPECT_EQ(client->prompt_tokens, 6u);
  EXPECT_EQ(client->ends[0], messages::FinishReason::length);
  EXPECT_EQ(client->finished->usage.prompt_tokens, 6u);
  EXPECT_EQ(client->finished->usage.completion_tokens, 12u);
  EXPECT_EQ(client->last_events, 1);
  EXPECT_EQ(graph.sessions.size(), 0u);
}

}  // namespace
}  // namespace zenith::services
