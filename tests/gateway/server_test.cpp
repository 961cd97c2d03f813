// The server over real sockets: answers, streams, cancel, credit, drain.
#include "server_fixture.hpp"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <algorithm>

namespace zenith::gateway::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

std::size_t count(const std::string& text, std::string_view what) {
  std::size_t n = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + what.size())) ++n;
  return n;
}

TEST_F(ServerTest, a_chat_is_answered_whole) {
  const auto reply = ask(post("/v1/chat/completions", kChat));
  EXPECT_EQ(status(reply), 200);
  EXPECT_THAT(reply, HasSubstr(R"("object":"chat.completion")"));
  EXPECT_THAT(reply, HasSubstr(R"("message":{"role":"assistant","content":"Hello, world")"));
  EXPECT_THAT(
      reply,
      HasSubstr(
          R"("usage":{"prompt_tokens":3,"completion_tokens":3,"total_tokens":6,"prompt_tokens_details":{"cached_tokens":0})"));
  EXPECT_THAT(reply, HasSubstr(R"("timings":{)"));
}

TEST_F(ServerTest, a_stream_begins_with_the_role_and_ends_with_done) {
  auto client = connect();
  client->send(
      post("/v1/chat/completions",
           R"({"stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}]})"));
  ASSERT_TRUE(client->read_until("data: [DONE]\n\n\r\n0\r\n\r\n")) << client->text();
  const auto& text = client->text();
  EXPECT_THAT(text, HasSubstr("Content-Type: text/event-stream\r\n"));
  EXPECT_LT(text.find(R"("delta":{"role":"assistant","content":""})"), text.find(R"("delta":{"content":"Hello"})"));
  EXPECT_LT(text.find(R"("delta":{"content":"world"})"),
            text.find(R"("delta":{},"logprobs":null,"finish_reason":"stop")"));
  EXPECT_LT(text.find(R"("finish_reason":"stop")"), text.find(R"("choices":[],"usage":{"prompt_tokens":3)"));
  EXPECT_EQ(count(text, R"("finish_reason":"stop")"), 1u);
  EXPECT_EQ(count(text, "data: "), 7u);
}

TEST_F(ServerTest, without_include_usage_no_usage_chunk_comes) {
  auto client = connect();
  client->send(post("/v1/chat/completions", kStream));
  ASSERT_TRUE(client->read_until("[DONE]"));
  EXPECT_THAT(client->text(), Not(HasSubstr("usage")));
  EXPECT_THAT(client->text(), HasSubstr("timings"));
}

TEST_F(ServerTest, choices_interleave_with_their_index) {
  auto client = connect();
  client->send(post("/v1/chat/completions", R"({"n":3,"stream":true,"messages":[{"role":"user","content":"hi"}]})"));
  ASSERT_TRUE(client->read_until("[DONE]"));
  for (const auto* index : {"0", "1", "2"}) {
    EXPECT_EQ(count(client->text(), std::string(R"("choices":[{"index":)") + index + ","), 5u) << index;
  }
  EXPECT_EQ(count(client->text(), R"("finish_reason":"stop")"), 3u);
}

TEST_F(ServerTest, prompts_of_one_completion_are_answered_side_by_side) {
  engine.set({.echo_prompt = true});
  const auto reply = ask(post("/v1/completions", R"({"prompt":["one","two"]})"));
  EXPECT_EQ(status(reply), 200);
  EXPECT_THAT(reply, HasSubstr(R"({"index":0,"text":"one")"));
  EXPECT_THAT(reply, HasSubstr(R"({"index":1,"text":"two")"));
  EXPECT_THAT(reply, HasSubstr(R"("prompt_tokens":6)"));
}

TEST_F(ServerTest, an_error_before_the_first_event_has_its_status) {
  engine.set({.error = Error{Errc::overloaded, "the queue is full", {}, milliseconds(2500)}, .error_first = true});
  const auto reply = ask(post("/v1/chat/completions", kStream));
  EXPECT_EQ(status(reply), 429);
  EXPECT_THAT(reply, HasSubstr("Retry-After: 3\r\n"));
  EXPECT_THAT(reply, HasSubstr(R"("message":"the queue is full")"));
}

TEST_F(ServerTest, an_error_in_the_middle_is_a_chunk) {
  engine.set({.error = Error{Errc::unavailable, "text-0 went away", {}, {}}});
  auto client = connect();
  client->send(post("/v1/chat/completions", kStream));
  ASSERT_TRUE(client->read_until("[DONE]"));
  EXPECT_EQ(status(client->text()), 200);
  EXPECT_THAT(
      client->text(),
      HasSubstr(
          R"(data: {"error":{"message":"text-0 went away","type":"unavailable_error","code":"unavailable","param":null}})"));
}

TEST_F(ServerTest, a_service_that_lets_go_is_an_error_not_a_silence) {
  engine.set({.drop = true});
  EXPECT_EQ(status(ask(post("/v1/chat/completions", kChat))), 500);
}

TEST_F(ServerTest, a_client_that_leaves_a_stream_cancels_it) {
  engine.set({.hold = true});
  auto client = connect();
  client->send(post("/v1/chat/completions", kStream));
  ASSERT_TRUE(client->read_until("world"));
  client->close();
  ASSERT_TRUE(engine.wait_until([](const auto& seen) { return !seen.cancelled.empty(); }));
  EXPECT_EQ(engine.seen().cancelled.front(), engine.seen().generates.front().header.id);
}

TEST_F(ServerTest, a_client_that_leaves_before_a_whole_answer_cancels_it) {
  engine.set({.hold = true});
  auto client = connect();
  client->send(post("/v1/chat/completions", kChat));
  ASSERT_TRUE(engine.wait_until([](const auto& seen) { return seen.generates.size() == 1; }));
  client->close();
  EXPECT_TRUE(engine.wait_until([](const auto& seen) { return seen.cancelled.size() == 1; }));
}

TEST_F(ServerTest, a_reader_that_stops_pauses_its_own_sequence_only) {
  engine.set({.deltas = {std::string(4000, 'x')}, .repeat = 5000});  // 20 MB
  auto slow = connect(4096);
  slow->send(post("/v1/chat/completions", kStream));
  ASSERT_TRUE(slow->read_until("xxxx"));
  // No sleep decides this: the sequence has stopped once a whole other one of the same length went through meanwhile.
  auto quick = connect();
  quick->send(post("/v1/chat/completions", kStream));
  ASSERT_TRUE(quick->read_until("[DONE]", seconds(30)));
  const auto seen = engine.seen();
  ASSERT_EQ(seen.generates.size(), 2u);
  const auto quick_events = 5000u + 3u;
  EXPECT_LT(seen.events_sent - quick_events, 3000u) << "the slow client's sequence ran on";
  EXPECT_TRUE(slow->read_until("[DONE]", seconds(30))) << "and it goes on once the client reads";
}

TEST_F(ServerTest, a_silent_stream_is_kept_alive_by_comments) {
  options.limits.stream_keep_alive = milliseconds(50);
  engine.set({.hold = true});
  auto client = connect();
  client->send(post("/v1/chat/completions", kStream));
  ASSERT_TRUE(client->read_until(": ping\n\n\r\n"));
  client->text().clear();
  EXPECT_TRUE(client->read_until(": ping\n\n\r\n"));
}

TEST_F(ServerTest, draining_lets_a_running_stream_end_and_refuses_new_work) {
  engine.set({.deltas = {"a"}, .repeat = 1, .hold = true});
  auto running = connect();
  running->send(post("/v1/chat/completions", kStream));
  ASSERT_TRUE(running->read_until("\"a\""));
  auto other = connect();
  other->send(get("/healthz"));
  ASSERT_EQ(status(other->read_reply()), 200);

  std::thread stopper([this] { stop(milliseconds(400)); });
  auto probe = connect();
  std::string ready;
  do {
    probe->send(get("/readyz"));
    ready = probe->read_reply();
  } while (status(ready) == 200);
  EXPECT_EQ(status(ready), 503);
  EXPECT_THAT(ready, HasSubstr(R"("status":"draining")"));
  other->send(post("/v1/chat/completions", kChat));
  const auto refused = other->read_reply();
  EXPECT_EQ(status(refused), 503);
  EXPECT_THAT(refused, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(refused, HasSubstr(R"("code":"draining")"));
  // The drain's time passes: the stream is told why it ends.
  EXPECT_TRUE(running->read_until("[DONE]"));
  EXPECT_THAT(running->text(), HasSubstr("did not end within 400 ms"));
  EXPECT_TRUE(engine.wait_until([](const auto& seen) { return seen.cancelled.size() == 1; }));
  stopper.join();
}

TEST_F(ServerTest, stop_without_work_returns_at_once) {
  auto idle = connect();
  idle->send(get("/healthz"));
  ASSERT_EQ(status(idle->read_reply()), 200);
  const auto from = std::chrono::steady_clock::now();
  stop(seconds(30));
  EXPECT_LT(std::chrono::steady_clock::now() - from, seconds(5));
}

TEST_F(ServerTest, ids_and_traces_come_back) {
  const auto reply = ask(get(
      "/healthz", "X-Request-Id: abc-1\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"));
  EXPECT_THAT(reply, HasSubstr("X-Request-Id: abc-1\r\n"));
  EXPECT_THAT(reply, HasSubstr("traceparent: 00-0af7651916cd43dd8448eb211c80319c-"));
  EXPECT_THAT(reply, Not(HasSubstr("b7ad6b7169203331"))) << "the span must be ours";
  EXPECT_THAT(ask(get("/healthz", "X-Request-Id: a b<c\r\n")), HasSubstr("X-Request-Id: req-"));
  ask(post("/v1/chat/completions", kChat, "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"));
  const auto trace = engine.seen().generates.at(0).header.trace;
  EXPECT_EQ(trace.trace_id[0], 0x0a);
  EXPECT_EQ(trace.flags, 1);
}

TEST_F(ServerTest, head_has_the_length_and_no_body) {
  auto client = connect();
  client->send("HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" + get("/healthz"));
  ASSERT_TRUE(client->read_until(R"({"status":"ok"})"));
  EXPECT_EQ(count(client->text(), "Content-Length: 15\r\n"), 2u);
  EXPECT_EQ(count(client->text(), R"({"status":"ok"})"), 1u);
}

TEST_F(ServerTest, a_thousand_pipelined_requests_are_answered_in_order) {
  auto client = connect();
  std::string all;
  for (int i = 0; i < 1000; ++i) all += get("/healthz", "X-Request-Id: n" + std::to_string(i) + "\r\n");
  std::thread sender([&] { client->send(all); });
  for (int i = 0; i < 1000; ++i) {
    const auto reply = client->read_reply();
    ASSERT_EQ(status(reply), 200) << i;
    ASSERT_THAT(reply, HasSubstr("X-Request-Id: n" + std::to_string(i) + "\r\n"));
  }
  sender.join();
}

TEST_F(ServerTest, connections_over_the_limit_are_told_so) {
  options.limits.connections = 2;
  auto a = connect();
  a->send(get("/healthz"));
  ASSERT_EQ(status(a->read_reply()), 200);
  auto b = connect();
  b->send(get("/healthz"));
  ASSERT_EQ(status(b->read_reply()), 200);
  auto c = connect();
  EXPECT_EQ(status(c->read_reply()), 503);
  EXPECT_TRUE(c->read_to_end());
  a->send(get("/healthz"));
  EXPECT_EQ(status(a->read_reply()), 200);
}

TEST_F(ServerTest, the_other_endpoints_have_their_shapes) {
  EXPECT_EQ(body(ask(post("/tokenize", R"({"content":"AB"})"))), R"({"tokens":[65,66]})");
  EXPECT_EQ(body(ask(post("/detokenize", R"({"tokens":[65,66]})"))), R"({"content":"AB"})");
  EXPECT_EQ(body(ask(post("/apply-template", R"({"messages":[{"role":"user","content":"hi"}]})"))),
            R"({"prompt":"<user>hi"})");
  EXPECT_THAT(
      ask(post("/v1/embeddings", R"({"input":["a","b"]})")),
      HasSubstr(
          R"("data":[{"object":"embedding","index":0,"embedding":[0.6,0.8,0]},{"object":"embedding","index":1,"embedding":[0.6,0.8,1]}],"model":"fake-embed")"));
  EXPECT_THAT(ask(post("/v1/embeddings", R"({"input":"a","encoding_format":"base64"})")),
              HasSubstr(R"("embedding":"mpkZP83MTD8AAAAA")"));
  EXPECT_THAT(ask(get("/v1/models/org/alias")), HasSubstr(R"("alias_of":"fake")"));
  const auto missing = ask(get("/v1/models/nope"));
  EXPECT_EQ(status(missing), 404);
  EXPECT_THAT(missing, HasSubstr("fake, org/alias, fake-embed"));
  const auto unknown = ask(post("/tokenize", R"({"content":"x","model":"missing"})"));
  EXPECT_EQ(status(unknown), 404);
  EXPECT_THAT(unknown, HasSubstr(R"("code":"model_not_found","param":"model")"));
  EXPECT_THAT(ask(get("/v1/system")), HasSubstr(R"("links":[{"peer":"text-1")"));
  EXPECT_THAT(ask(get("/v1/system")), HasSubstr(R"("queue":1,"running":2,"sequences":64,"kv_pages_used":3)"));
  EXPECT_THAT(ask(get("/props")), HasSubstr(R"("accepted_and_ignored":["user","metadata","store","service_tier")"));
  EXPECT_THAT(ask(get("/")), HasSubstr("<!doctype html>"));
  EXPECT_THAT(ask(get("/openapi.json")), HasSubstr("Content-Type: application/json"));
}

TEST_F(ServerTest, without_file_descriptors_it_waits_says_so_and_goes_on) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "UBSan looks at memory through a pipe: without descriptors it takes every object for a broken one";
#endif
  auto known = connect();
  known->send(get("/healthz"));
  ASSERT_EQ(status(known->read_reply()), 200);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit low = before;
  low.rlim_cur = 256;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  std::vector<int> taken;
  for (int fd = ::dup(0); fd >= 0; fd = ::dup(0)) taken.push_back(fd);
  ASSERT_FALSE(taken.empty());
  ::close(taken.back());  // for the client's end; the server's end finds none
  auto waiting = connect();
  waiting->send(get("/healthz"));
  std::string ready;
  const auto end = std::chrono::steady_clock::now() + seconds(5);
  do {
    known->send(get("/readyz"));
    ready = known->read_reply();
  } while (status(ready) == 200 && std::chrono::steady_clock::now() < end);
  EXPECT_EQ(status(ready), 503);
  EXPECT_THAT(ready, HasSubstr("no file descriptor is left"));
  taken.pop_back();
  for (const int fd : taken) ::close(fd);
  EXPECT_EQ(status(waiting->read_reply()), 200) << "who waited is served once there are descriptors";
  EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST_F(ServerTest, adds_less_than_a_millisecond_to_the_first_token) {
  auto client = connect();
  std::vector<double> ms;
  for (int i = 0; i < 200; ++i) {
    client->text().clear();
    const auto from = std::chrono::steady_clock::now();
    client->send(post("/v1/chat/completions", kStream));
    ASSERT_TRUE(client->read_until("Hello"));
    ms.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - from).count());
    ASSERT_TRUE(client->read_until("\r\n0\r\n\r\n"));
  }
  std::sort(ms.begin(), ms.end());
  // The quickest tenth: what the gateway itself needs, not what else the machine does meanwhile.
  EXPECT_LT(ms[ms.size() / 10], 1.0);
  RecordProperty("first_token_ms_p10", std::to_string(ms[ms.size() / 10]));
  RecordProperty("first_token_ms_p50", std::to_string(ms[ms.size() / 2]));
}

TEST_F(ServerTest, readiness_follows_the_services) {
  engine.set_health(messages::Health::loading);
  const auto reply = ask(get("/readyz"));
  EXPECT_EQ(status(reply), 503);
  EXPECT_THAT(
      reply,
      HasSubstr(
          R"({"status":"loading","services":[{"role":"router","id":"router-0","status":"ready","model":null,"detail":""})"));
  engine.set_health(messages::Health::ready);
  EXPECT_EQ(status(ask(get("/readyz"))), 200);
}

TEST_F(ServerTest, requests_are_counted_by_route_and_status) {
  ask(get("/healthz"));
  ask(get("/nowhere"));
  ask(post("/v1/chat/completions", "{}"));
  const auto text = metrics_text();
  EXPECT_THAT(text, HasSubstr(R"(zenith_http_requests_total{route="/healthz",status="200"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(zenith_http_requests_total{route="unmatched",status="404"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(zenith_http_requests_total{route="/v1/chat/completions",status="400"} 1)"));
}

}  // namespace
}  // namespace zenith::gateway::test
