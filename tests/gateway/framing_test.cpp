// What a hostile or broken client may send: each gets its status, no request is smuggled, the server goes on.
#include <gmock/gmock.h>

#include <random>

#include "http/request_reader.hpp"
#include "server_fixture.hpp"

namespace zenith::gateway::test {
namespace {

using namespace std::string_literals;
using testing::HasSubstr;
using Progress = RequestReader::Progress;

struct Case {
  const char* name;
  std::string bytes;
  int status;  ///< of the first answer
};

std::string repeat(std::string_view text, std::size_t n) {
  std::string out;
  for (std::size_t i = 0; i < n; ++i) out += text;
  return out;
}

const std::string kSmuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";

const std::vector<Case>& refused_cases() {
  static const std::vector<Case> cases{
      {"length_and_chunked",
       "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: "
       "chunked\r\n\r\n0\r\n\r\n" +
           kSmuggled,
       400},
      {"chunked_and_length",
       "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: "
       "4\r\n\r\n0\r\n\r\n" +
           kSmuggled,
       400},
      {"two_lengths",
       "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 4\r\n\r\nabcd" + kSmuggled,
       400},
      {"two_equal_lengths",
       "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nabcd" + kSmuggled,
       400},
      {"length_list", "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4, 4\r\n\r\nabcd" + kSmuggled,
       400},
      {"length_signed", "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Length: +4\r\n\r\nabcd", 400},
      {"length_negative", "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400},
      {"length_overflow", "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 18446744073709551617\r\n\r\n",
       400},
      {"length_hex", "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0x10\r\n\r\n", 400},
      {"length_too_large",
       "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
       "99999999999\r\n\r\n",
       413},
      {"encoding_unknown", "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
      {"encoding_gzip_chunked",
       "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + kSmuggled,
       501},
      {"encoding_chunked_identity",
       "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" +
           kSmuggled,
       501},
      {"encoding_twice",
       "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
       "chunked\r\n\r\n0\r\n\r\n" +
           kSmuggled,
       400},
      {"encoding_vertical_tab",
       "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: \x0b"
       "chunked\r\n\r\n0\r\n\r\n",
       400},
      {"encoding_in_1_0",
       "POST /tokenize HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + kSmuggled, 400},
      {"space_before_colon", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length : 5\r\n\r\n", 400},
      {"bare_line_feeds", "GET /healthz HTTP/1.1\nHost: localhost\n\n", 400},
      {"one_bare_line_feed", "GET /healthz HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n", 400},
      {"bare_carriage_return", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\rb\r\n\r\n", 400},
      {"folded_header", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n", 400},
      {"folded_with_tab", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\r\n\tb\r\n\r\n", 400},
      {"nul_in_header", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n"s, 400},
      {"nul_in_target", "GET /hea\0lthz HTTP/1.1\r\nHost: localhost\r\n\r\n"s, 400},
      {"escaped_nul_in_target", "GET /healthz%00 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
      {"high_byte_in_target", "GET /healthz\xff HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
      {"bad_escape", "GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
      {"huge_header", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + repeat("a", 70000) + "\r\n\r\n", 431},
      {"ten_thousand_headers", "GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + repeat("a:b\r\n", 10000) + "\r\n", 431},
      {"huge_target", "GET /" + repeat("a", 70000) + " HTTP/1.1\r\nHost: localhost\r\n\r\n", 414},
      {"no_host", "GET /healthz HTTP/1.1\r\n\r\n", 400},
      {"two_hosts", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: other\r\n\r\n", 400},
      {"empty_line_first", "\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
      {"no_version", "GET /healthz\r\nHost: localhost\r\n\r\n", 400},
      {"version_2", "GET /healthz HTTP/2.0\r\nHost: localhost\r\n\r\n", 505},
      {"http_2_preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"not_http", repeat("\x16\x03\x01", 100), 400},
      {"two_spaces", "GET  /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
      {"relative_target", "GET healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
      {"chunk_size_overflow",
       "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: "
       "chunked\r\n\r\nfffffffffffffffff\r\nab\r\n",
       400},
      {"chunk_size_large",
       "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: "
       "chunked\r\n\r\n7fffffffffffffff\r\nab\r\n",
       413},
      {"chunk_size_no_hex",
       "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: "
       "chunked\r\n\r\n0x2\r\nab\r\n0\r\n\r\n",
       400},
      {"chunk_without_end",
       "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: "
       "chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n",
       400},
      {"chunk_bare_line_feed",
       "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: "
       "chunked\r\n\r\n2\nab\n0\n\n",
       400},
      {"chunk_extension_endless",
       "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: "
       "chunked\r\n\r\n2;" +
           repeat("a", 100000),
       400},
      {"expectation_unknown",
       "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nExpect: tea\r\nContent-Length: 2\r\n\r\n{}", 417},
  };
  return cases;
}

class Refused : public ServerTest, public testing::WithParamInterface<std::size_t> {};

TEST_P(Refused, is_answered_closed_and_not_smuggled) {
  const auto& c = refused_cases()[GetParam()];
  auto client = connect();
  client->send(c.bytes);
  ASSERT_TRUE(client->read_to_end()) << "the connection must be closed: " << client->text();
  EXPECT_EQ(status(client->text()), c.status) << client->text();
  EXPECT_THAT(client->text(), HasSubstr(R"({"error":{"message":")"));
  EXPECT_THAT(client->text(), HasSubstr("Connection: close\r\n"));
  EXPECT_EQ(client->text().find("}HTTP/1.1 "), std::string::npos) << "a second answer: " << client->text();
  EXPECT_EQ(status(ask(get("/healthz"))), 200) << "and the server goes on";
}

TEST_P(Refused, does_not_depend_on_how_the_bytes_are_cut) {
  const auto& c = refused_cases()[GetParam()];
  const std::size_t step = c.bytes.size() > 20000 ? 997 : 1;
  RequestReader reader({});
  std::string pending;
  auto progress = Progress::need_more;
  for (std::size_t at = 0; at < c.bytes.size() && progress == Progress::need_more; at += step) {
    pending.append(c.bytes, at, step);
    do {
      std::size_t consumed = 0;
      progress = reader.feed(pending, consumed);
      pending.erase(0, consumed);
    } while (progress == Progress::head);
  }
  ASSERT_EQ(progress, Progress::refused);
  EXPECT_EQ(reader.refusal_status(), c.status) << reader.refusal();
}

INSTANTIATE_TEST_SUITE_P(gateway, Refused, testing::Range<std::size_t>(0, refused_cases().size()),
                         [](const auto& i) { return std::string{refused_cases()[i.param].name}; });

struct Served {
  const char* name;
  std::string bytes;
  int status;
};

class Answered : public ServerTest, public testing::WithParamInterface<Served> {};

TEST_P(Answered, with_its_status) {
  auto client = connect();
  client->send(GetParam().bytes);
  EXPECT_EQ(status(client->read_reply()), GetParam().status) << GetParam().bytes;
}

const std::string kJson = "Content-Type: application/json\r\n";

INSTANTIATE_TEST_SUITE_P(
    gateway, Answered,
    testing::Values(
        Served{"lower_case_header_names", "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n", 200},
        Served{"absolute_target", "GET http://localhost/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 200},
        Served{"with_query", "GET /healthz?x=1 HTTP/1.1\r\nHost: localhost\r\n\r\n", 200},
        Served{"escaped_path", "GET /%68ealthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 200},
        Served{"version_1_0", "GET /healthz HTTP/1.0\r\n\r\n", 200},
        Served{
            "chunked_body",
            "POST /tokenize HTTP/1.1\r\nHost: localhost\r\n" + kJson +
                "Transfer-Encoding: chunked\r\n\r\n9;ext=1\r\n{\"content\r\n6\r\n\":\"A\"}\r\n0\r\nTrailer: x\r\n\r\n",
            200},
        Served{"wrong_type",
               "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}",
               415},
        Served{"no_type", "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}", 415},
        Served{"type_with_charset",
               "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Type: Application/JSON; "
               "charset=utf-8\r\nContent-Length: 15\r\n\r\n{\"content\":\"A\"}",
               200},
        Served{"unknown_path", "GET /nope HTTP/1.1\r\nHost: localhost\r\n\r\n", 404},
        Served{"dot_dot", "GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", 404},
        Served{"unknown_method", "BREW /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 405},
        Served{"wrong_method", "GET /tokenize HTTP/1.1\r\nHost: localhost\r\n\r\n", 405},
        Served{"websocket_path_without_upgrade", "GET /v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n", 426},
        Served{"rebound_host", "GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403},
        Served{"foreign_origin", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n\r\n",
               403},
        Served{"null_origin", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\n\r\n", 403},
        Served{"own_origin", "GET /healthz HTTP/1.1\r\nHost: localhost:80\r\nOrigin: http://localhost:80\r\n\r\n",
               200}),
    [](const auto& i) { return std::string{i.param.name}; });

struct BadJson {
  const char* name;
  std::string body;
  const char* says;
};
class Json : public ServerTest, public testing::WithParamInterface<BadJson> {};

TEST_P(Json, is_a_400_that_says_what_and_the_connection_stays) {
  auto client = connect();
  client->send(post("/v1/chat/completions", GetParam().body) + get("/healthz"));
  const auto reply = client->read_reply();
  EXPECT_EQ(status(reply), 400);
  EXPECT_THAT(reply, HasSubstr(GetParam().says));
  EXPECT_EQ(status(client->read_reply()), 200) << "the framing was never in doubt";
}

INSTANTIATE_TEST_SUITE_P(
    gateway, Json,
    testing::Values(BadJson{"empty", "", "malformed JSON"},                                                          //
                    BadJson{"cut_off", R"({"messages":[)", "malformed JSON at byte"},                                //
                    BadJson{"trailing_text", "{} x", "malformed JSON"},                                              //
                    BadJson{"no_object", "[1]", "must be a JSON object"},                                            //
                    BadJson{"ten_thousand_deep", repeat("[", 10000) + repeat("]", 10000), "nested deeper than 64"},  //
                    BadJson{"ten_thousand_objects_deep", repeat(R"({"a":)", 10000), "nested deeper than 64"},        //
                    BadJson{"invalid_utf8", "{\"messages\":\"\xc3\x28\"}", "malformed JSON"},                        //
                    BadJson{"lone_surrogate", R"({"messages":"\ud800"})", "malformed JSON"},                         //
                    BadJson{"duplicate_key", R"({"n":1,"n":2})", "\\\"n\\\" comes twice"},                           //
                    BadJson{"number_out_of_range", R"({"temperature":1e400})", "out of range"},                      //
                    BadJson{"not_a_number", R"({"temperature":NaN})", "malformed JSON"},                             //
                    BadJson{"comment", "{/* */}", "malformed JSON"},                                                 //
                    BadJson{"too_many_values", "[" + repeat("0,", 1 << 20) + "0]", "more than 1048576 values"}),     //
    [](const auto& i) { return std::string{i.param.name}; });

class Slow : public ServerTest {};

TEST_F(Slow, headers_that_do_not_come_are_given_up) {
  options.limits.header_timeout = std::chrono::seconds(1);
  auto client = connect();
  client->send("GET /healthz HTTP/1.1\r\nHost: loc");
  ASSERT_TRUE(client->read_to_end());
  EXPECT_EQ(status(client->text()), 408);
}

TEST_F(Slow, a_trickle_of_header_bytes_does_not_move_the_limit) {
  options.limits.header_timeout = std::chrono::seconds(1);
  auto client = connect();
  const auto from = std::chrono::steady_clock::now();
  client->send("GET /healthz HTTP/1.1\r\n");
  while (!client->closed() && std::chrono::steady_clock::now() - from < std::chrono::seconds(10)) {
    client->send("X: y\r\n");
    client->read_to_end(std::chrono::milliseconds(200));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - from, std::chrono::seconds(5));
  EXPECT_EQ(status(client->text()), 408);
}

TEST_F(Slow, a_body_that_does_not_come_is_given_up) {
  options.limits.body_timeout = std::chrono::seconds(1);
  auto client = connect();
  client->send(
      "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{");
  ASSERT_TRUE(client->read_to_end());
  EXPECT_EQ(status(client->text()), 408);
}

TEST_F(Slow, an_idle_connection_is_closed) {
  options.limits.idle_timeout = std::chrono::seconds(1);
  auto client = connect();
  client->send(get("/healthz"));
  ASSERT_EQ(status(client->read_reply()), 200);
  EXPECT_TRUE(client->read_to_end());
}

TEST_F(ServerTest, a_body_is_asked_for_only_when_it_will_be_read) {
  auto client = connect();
  client->send(
      "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nExpect: "
      "100-continue\r\nContent-Length: 15\r\n\r\n");
  ASSERT_TRUE(client->read_until("HTTP/1.1 100 Continue\r\n\r\n"));
  client->text().clear();
  client->send(R"({"content":"A"})");
  EXPECT_EQ(status(client->read_reply()), 200);
  auto refused = connect();
  refused->send(
      "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nExpect: "
      "100-continue\r\nContent-Length: 15\r\n\r\n");
  EXPECT_EQ(status(refused->read_reply()), 415);
}

TEST_F(ServerTest, a_body_over_the_limit_is_refused_before_it_is_sent) {
  options.limits.body_bytes = 1000;
  auto client = connect();
  client->send(
      "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1001\r\n\r\n");
  EXPECT_EQ(status(client->read_reply()), 413);
  auto chunked = connect();
  chunked->send(
      "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: "
      "chunked\r\n\r\n200\r\n" +
      std::string(0x200, ' ') + "\r\n200\r\n" + std::string(0x200, ' ') + "\r\n");
  EXPECT_EQ(status(chunked->read_reply()), 413);
}

TEST(request_reader, survives_any_bytes) {
  std::mt19937 random(7);
  const auto& cases = refused_cases();
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = cases[random() % cases.size()].bytes.substr(0, 400);
    for (int flips = static_cast<int>(random() % 6); flips > 0 && !bytes.empty(); --flips)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    RequestReader reader({.header_bytes = 256, .body_bytes = 64});
    for (int steps = 0; steps < 100; ++steps) {
      std::size_t consumed = 0;
      const auto progress = reader.feed(bytes, consumed);
      ASSERT_LE(consumed, bytes.size());
      bytes.erase(0, consumed);
      if (progress == Progress::complete) reader.reset();
      if (progress == Progress::refused || progress == Progress::need_more) break;
    }
  }
}

}  // namespace
}  // namespace zenith::gateway::test
