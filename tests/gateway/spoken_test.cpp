// Answers that are spoken, and receipts, over real sockets.
#include <gmock/gmock.h>

#include "server_fixture.hpp"

namespace zenith::gateway::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kSpoken =
    R"({"modalities":["text","audio"],"audio":{"voice":"alloy","format":"wav"},"messages":[{"role":"user","content":"hi"}]})";
constexpr std::string_view kSpokenStream =
    R"({"modalities":["text","audio"],"audio":{"voice":"joe","format":"pcm16"},"stream":true,"messages":[{"role":"user","content":"hi"}]})";

struct SpokenTest : ServerTest {
  SpokenTest() {
    script.speaks = true;
    script.deltas = {"The first sentence is here. ", "The second sentence is, too."};
    engine.set(script);
  }
  Script script;
};

TEST_F(SpokenTest, a_whole_answer_has_its_speech_and_its_transcript) {
  const auto reply = ask(post("/v1/chat/completions", kSpoken));
  EXPECT_EQ(status(reply), 200);
  EXPECT_THAT(reply, HasSubstr(R"("content":null,"audio":{"id":"audio_)"));
  EXPECT_THAT(reply, HasSubstr(R"("data":"UklGR)")) << "a wav in base64";
  EXPECT_THAT(reply, HasSubstr(R"("transcript":"The first sentence is here. The second sentence is, too.")"));
  const auto seen = engine.seen();
  ASSERT_EQ(seen.speaks.size(), 2U);
  EXPECT_EQ(seen.speaks[0].model, "fake-voice");
  EXPECT_EQ(seen.speaks[0].input, "The first sentence is here.");
  EXPECT_EQ(seen.generates.at(0).speaker, "fake-voice") << "it is planned with the rest";
}

TEST_F(SpokenTest, a_stream_has_transcript_and_samples_and_its_finish_last) {
  auto client = connect();
  client->send(post("/v1/chat/completions", kSpokenStream));
  ASSERT_TRUE(client->read_until("data: [DONE]\n\n")) << client->text();
  const auto& text = client->text();
  EXPECT_THAT(text, HasSubstr(R"("delta":{"role":"assistant","content":null,"audio":{"id":"audio_)"));
  EXPECT_THAT(text, HasSubstr(R"("transcript":"The first sentence is here. "}})"));
  EXPECT_LT(text.find(R"("data":")"), text.find(R"("expires_at":)"));
  EXPECT_LT(text.find(R"("expires_at":)"), text.find(R"("finish_reason":"stop")"));
  EXPECT_EQ(engine.seen().speaks.at(0).voice, "joe");
}

TEST_F(SpokenTest, without_a_voice_or_with_an_unknown_one_nothing_begins) {
  const auto unknown = ask(post(
      "/v1/chat/completions",
      R"({"modalities":["text","audio"],"audio":{"voice":"nobody"},"messages":[{"role":"user","content":"hi"}]})"));
  EXPECT_EQ(status(unknown), 400);
  EXPECT_THAT(unknown, HasSubstr(R"("param":"audio.voice")"));
  script.speaks = false;
  engine.set(script);
  const auto none = ask(post("/v1/chat/completions", kSpoken));
  EXPECT_EQ(status(none), 503);
  EXPECT_THAT(none, HasSubstr("nothing here speaks"));
  EXPECT_TRUE(engine.seen().generates.empty());
}

TEST_F(SpokenTest, a_client_that_leaves_ends_the_text_and_the_speech) {
  script.hold = true;
  engine.set(script);
  auto client = connect();
  client->send(post("/v1/chat/completions", kSpokenStream));
  ASSERT_TRUE(engine.wait_until([](const auto& seen) { return seen.speaks.size() == 1; }));
  client->close();
  EXPECT_TRUE(engine.wait_until([](const auto& seen) { return seen.cancelled.size() == 2; }))
      << engine.seen().cancelled.size();
}

TEST_F(ServerTest, an_answer_has_a_receipt_when_it_is_asked_for) {
  constexpr std::string_view kAsk = "X-Zenith-Receipt: 1\r\nX-Request-Id: mine\r\n";
  EXPECT_THAT(ask(post("/v1/chat/completions", kChat, kAsk)),
              HasSubstr(R"("zenith":{"request_id":"mine","receipt":[]})"));
  EXPECT_THAT(ask(post("/v1/chat/completions", kChat)), Not(HasSubstr("zenith\":")));
  EXPECT_THAT(ask(post("/v1/chat/completions", "{}", kAsk)), HasSubstr(R"("receipt":[])")) << "an error, too";
  EXPECT_THAT(ask(get("/healthz", kAsk)), Not(HasSubstr("receipt")));
  auto client = connect();
  client->send(post("/v1/chat/completions", kStream, kAsk));
  ASSERT_TRUE(client->read_until("[DONE]"));
  EXPECT_THAT(client->text(), HasSubstr(R"("zenith":{"request_id":"mine","receipt":[]})"));
}

TEST_F(ServerTest, what_is_asked_of_services_is_a_child_of_the_answers_span) {
  const auto reply = ask(
      post("/v1/chat/completions", kChat, "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"));
  const auto at = reply.find("traceparent: 00-0af7651916cd43dd8448eb211c80319c-");
  ASSERT_NE(at, std::string::npos);
  const std::string span = reply.substr(at + 49, 16);
  EXPECT_NE(span, "b7ad6b7169203331");
  const auto& trace = engine.seen().generates.at(0).header.trace;
  std::string ours;
  for (const auto byte : trace.span_id) {
    ours += "0123456789abcdef"[byte >> 4];
    ours += "0123456789abcdef"[byte & 15];
  }
  EXPECT_EQ(ours, span);
}

}  // namespace
}  // namespace zenith::gateway::test
