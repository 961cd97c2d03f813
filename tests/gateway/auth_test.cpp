// Keys, quotas, browsers, traces: the pieces that decide who may speak.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "api/members.hpp"
#include "auth/browser_policy.hpp"
#include "auth/keys.hpp"
#include "http/error_body.hpp"
#include "http/trace.hpp"
#include "server_fixture.hpp"

namespace zenith::gateway::test {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

const std::string kHash = sha256_hex("secret");

TEST(sha256, fips_180_2_example) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(base64, rfc_4648_examples) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foob"), "Zm9vYg==");
}

struct KeysCase {
  const char* name;
  std::string text;
  const char* says;  ///< null: good
};
class KeysFile : public testing::TestWithParam<KeysCase> {};
TEST_P(KeysFile, is_read_or_refused_with_its_line) {
  const auto path = std::filesystem::path(testing::TempDir()) / (std::string("keys_") + GetParam().name + ".toml");
  std::ofstream(path) << GetParam().text;
  const auto keys = read_keys_file(path.string());
  if (GetParam().says == nullptr) {
    ASSERT_TRUE(keys) << keys.error().message;
    EXPECT_EQ(keys->at(0).tenant, TenantId{3});
    EXPECT_EQ(keys->at(0).requests_per_minute, 60u);
    return;
  }
  ASSERT_FALSE(keys);
  EXPECT_EQ(keys.error().code, Errc::bad_file);
  EXPECT_THAT(keys.error().message, HasSubstr(GetParam().says));
  EXPECT_THAT(keys.error().message, HasSubstr(path.string()));
}
INSTANTIATE_TEST_SUITE_P(
    gateway, KeysFile,
    testing::Values(
        KeysCase{"good", "[[key]]\nsha256 = \"" + kHash + "\"\ntenant = 3\nrequests_per_min = 60\n", nullptr},
        KeysCase{"short_hash", "[[key]]\nsha256 = \"abc\"\ntenant = 3\n", ":2: sha256: must be the 64"},
        KeysCase{"no_tenant", "[[key]]\nsha256 = \"" + kHash + "\"\n", "tenant: is missing"},
        KeysCase{"tenant_zero", "[[key]]\nsha256 = \"" + kHash + "\"\ntenant = 0\n", ":3: tenant: must be above 0"},
        KeysCase{"unknown_field", "[[key]]\nkey = \"x\"\n", ":2: key: is not known"},
        KeysCase{"unknown_table", "[other]\n", "other: is not known"}, KeysCase{"empty", "", "has no [[key]]"},
        KeysCase{"no_toml", "[[key\n", ":1: "},
        KeysCase{"twice",
                 "[[key]]\nsha256 = \"" + kHash + "\"\ntenant = 1\n[[key]]\nsha256 = \"" + kHash + "\"\ntenant = 2\n",
                 "in the file twice"}),
    [](const auto& i) { return std::string{i.param.name}; });

TEST(keys_file, that_is_missing_is_an_error) { EXPECT_FALSE(read_keys_file("/nonexistent/keys.toml")); }

TEST(token_bucket, refills_over_a_minute_and_may_be_overdrawn) {
  FakeClock clock;
  TokenBucket bucket(60, clock.now());
  for (int i = 0; i < 60; ++i) {
    ASSERT_EQ(bucket.wait_for(1, clock.now()), Duration{0}) << i;
    bucket.take(1, clock.now());
  }
  EXPECT_NEAR(std::chrono::duration<double>(bucket.wait_for(1, clock.now())).count(), 1.0, 1e-3);
  clock.advance(seconds(1));
  EXPECT_EQ(bucket.wait_for(1, clock.now()), Duration{0});
  bucket.take(121, clock.now());
  EXPECT_NEAR(std::chrono::duration<double>(bucket.wait_for(1, clock.now())).count(), 121.0, 1e-3);
  clock.advance(std::chrono::hours(1));
  EXPECT_EQ(bucket.wait_for(60, clock.now()), Duration{0});
  EXPECT_EQ(bucket.wait_for(61, clock.now()), Duration{0}) << "more than a minute's worth is let in when full";
  TokenBucket endless(0, clock.now());
  endless.take(1e9, clock.now());
  EXPECT_EQ(endless.wait_for(1e9, clock.now()), Duration{0});
}

struct BrowserCase {
  const char* name;
  bool check_host;
  const char* host;
  const char* origin;  ///< empty: none
  bool refused;
};
class Browser : public testing::TestWithParam<BrowserCase> {};
TEST_P(Browser, is_let_in_or_not) {
  const auto& c = GetParam();
  const BrowserPolicy policy{
      .check_host = c.check_host, .listen_host = "127.0.0.1", .cors_origins = {"https://app.example"}};
  HttpRequest request;
  request.headers = {{"host", c.host}};
  if (*c.origin != '\0') request.headers.emplace_back("origin", c.origin);
  EXPECT_EQ(policy.refuse(request).has_value(), c.refused) << policy.refuse(request).value_or("");
}
INSTANTIATE_TEST_SUITE_P(
    gateway, Browser,
    testing::Values(BrowserCase{"curl", true, "127.0.0.1:8080", "", false},
                    BrowserCase{"localhost", true, "localhost:8080", "http://localhost:8080", false},
                    BrowserCase{"v6", true, "[::1]:8080", "http://[::1]:8080", false},
                    BrowserCase{"rebound", true, "evil.example:8080", "", true},
                    BrowserCase{"rebound_same_origin", true, "evil.example", "http://evil.example", true},
                    BrowserCase{"loopback_lookalike", true, "127.0.0.1.evil.example", "", true},
                    BrowserCase{"cross_site", true, "localhost:8080", "http://evil.example", true},
                    BrowserCase{"other_port", true, "localhost:8080", "http://localhost:3000", true},
                    BrowserCase{"null_origin", true, "localhost:8080", "null", true},
                    BrowserCase{"allowed_origin", true, "localhost:8080", "https://app.example", false},
                    BrowserCase{"with_keys_any_host", false, "api.example", "http://evil.example", false}),
    [](const auto& i) { return std::string{i.param.name}; });

TEST(traceparent, w3c_examples) {
  const std::string good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  EXPECT_EQ(render_traceparent(parse_traceparent(good)), good);
  for (const auto* bad : {"", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
                          "00-00000000000000000000000000000000-b7ad6b7169203331-01",
                          "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
                          "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                          "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
                          "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x"}) {
    EXPECT_FALSE(has_trace(parse_traceparent(bad))) << bad;
  }
}

TEST(errors, have_their_status_and_openai_code) {
  EXPECT_EQ(error_reply({Errc::context_overflow, "m", "messages", {}}).status, 400);
  EXPECT_THAT(error_reply({Errc::context_overflow, "m", "messages", {}}).body,
              HasSubstr(R"("code":"context_length_exceeded","param":"messages")"));
  EXPECT_THAT(error_reply({Errc::loading, "m", {}, {}}).headers, testing::Contains(testing::Pair("Retry-After", "1")));
  EXPECT_THAT(error_body({Errc::internal, "bad \xff byte", {}, {}}), HasSubstr("bad \xEF\xBF\xBD byte"));
}

class Keyed : public ServerTest {
 protected:
  Keyed() { options.keys = {{{kHash, TenantId{7}, 2, 0}, {sha256_hex("other"), TenantId{8}, 0, 6}}}; }
};

TEST_F(Keyed, no_key_or_a_wrong_one_is_401) {
  const auto none = ask(post("/v1/chat/completions", kChat));
  EXPECT_EQ(status(none), 401);
  EXPECT_THAT(none, HasSubstr("WWW-Authenticate: Bearer\r\n"));
  EXPECT_THAT(none, HasSubstr(R"("code":"invalid_api_key")"));
  EXPECT_EQ(status(ask(post("/v1/chat/completions", kChat, "Authorization: Bearer wrong\r\n"))), 401);
  EXPECT_EQ(status(ask(post("/v1/chat/completions", kChat, "Authorization: Basic secret\r\n"))), 401);
  EXPECT_EQ(status(ask(get("/nowhere"))), 401) << "who has no key learns nothing about what there is";
}

TEST_F(Keyed, the_page_and_health_are_open) {
  for (const auto* path : {"/", "/app.js", "/healthz", "/readyz"}) EXPECT_EQ(status(ask(get(path))), 200) << path;
  for (const auto* path : {"/metrics", "/props", "/v1/system", "/v1/models", "/openapi.json"})
    EXPECT_EQ(status(ask(get(path))), 401) << path;
}

TEST_F(Keyed, a_key_brings_its_tenant_under_either_header) {
  EXPECT_EQ(status(ask(post("/v1/chat/completions", kChat, "Authorization: Bearer secret\r\n"))), 200);
  EXPECT_EQ(status(ask(post("/v1/chat/completions", kChat, "x-api-key: other\r\n"))), 200);
  EXPECT_EQ(engine.seen().generates.at(0).header.tenant, TenantId{7});
  EXPECT_EQ(engine.seen().generates.at(1).header.tenant, TenantId{8});
}

TEST_F(Keyed, requests_over_the_quota_are_429_with_the_time_to_wait) {
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(status(ask(post("/v1/chat/completions", kChat, "Authorization: Bearer secret\r\n"))), 200);
  const auto reply = ask(post("/v1/chat/completions", kChat, "Authorization: Bearer secret\r\n"));
  EXPECT_EQ(status(reply), 429);
  EXPECT_THAT(reply, testing::ContainsRegex("Retry-After: (29|30)\r\n"));
  EXPECT_EQ(status(ask(get("/v1/models", "Authorization: Bearer secret\r\n"))), 200)
      << "what computes nothing costs nothing";
  EXPECT_EQ(status(ask(post("/v1/chat/completions", kChat, "Authorization: Bearer other\r\n"))), 200)
      << "another key has its own";
}

TEST_F(Keyed, tokens_are_counted_when_they_are_known) {
  EXPECT_EQ(status(ask(post("/v1/chat/completions", kChat, "Authorization: Bearer other\r\n"))),
            200);  // 3 + 3 = 6 tokens
  const auto reply = ask(post("/v1/chat/completions", kChat, "Authorization: Bearer other\r\n"));
  EXPECT_EQ(status(reply), 429);
  EXPECT_THAT(reply, HasSubstr("tokens per minute"));
}

class Cors : public ServerTest {
 protected:
  Cors() { options.cors_origins = {"https://app.example"}; }
};

TEST_F(Cors, an_allowed_origin_is_named_and_preflighted) {
  const auto preflight =
      ask("OPTIONS /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nOrigin: "
          "https://app.example\r\nAccess-Control-Request-Method: POST\r\n"
          "Access-Control-Request-Headers: authorization, content-type\r\n\r\n");
  EXPECT_EQ(status(preflight), 204);
  EXPECT_THAT(preflight, HasSubstr("Access-Control-Allow-Origin: https://app.example\r\n"));
  EXPECT_THAT(preflight, HasSubstr("Access-Control-Allow-Headers: authorization, content-type\r\n"));
  EXPECT_THAT(ask(post("/v1/chat/completions", kChat, "Origin: https://app.example\r\n")),
              HasSubstr("Access-Control-Allow-Origin: https://app.example\r\n"));
  EXPECT_EQ(status(ask("OPTIONS /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nOrigin: "
                       "https://evil.example\r\nAccess-Control-Request-Method: POST\r\n\r\n")),
            403);
}

struct ListenCase {
  const char* name;
  std::string host;
  bool exposed, keys;
  const char* param;  ///< null: it listens
};
class Listen : public testing::TestWithParam<ListenCase> {};
TEST_P(Listen, beyond_loopback_needs_exposed_and_keys) {
  const auto& c = GetParam();
  ScriptedPort engine;
  FakeEffects effects;
  Metrics metrics;
  ServerOptions options;
  options.host = c.host;
  options.port = 0;
  options.exposed = c.exposed;
  if (c.keys) options.keys = {{{kHash, TenantId{1}, 0, 0}}};
  const auto server = Server::listen(options, engine, effects, metrics);
  EXPECT_EQ(server.has_value(), c.param == nullptr);
  if (!server) {
    EXPECT_EQ(server.error().param, c.param) << server.error().message;
  }
}
INSTANTIATE_TEST_SUITE_P(gateway, Listen,
                         testing::Values(ListenCase{"loopback", "127.0.0.1", false, false, nullptr},
                                         ListenCase{"localhost", "localhost", false, false, nullptr},
                                         ListenCase{"any_bare", "0.0.0.0", false, false, "exposed"},
                                         ListenCase{"any_with_keys_only", "0.0.0.0", false, true, "exposed"},
                                         ListenCase{"any_exposed_only", "0.0.0.0", true, false, "keys_file"},
                                         ListenCase{"any_both", "0.0.0.0", true, true, nullptr},
                                         ListenCase{"name", "example.com", true, true, "listen"}),
                         [](const auto& i) { return std::string{i.param.name}; });

TEST(listen, on_a_port_in_use_says_so) {
  ScriptedPort engine;
  FakeEffects effects;
  Metrics metrics;
  ServerOptions options;
  options.port = 0;
  const auto first = Server::listen(options, engine, effects, metrics);
  ASSERT_TRUE(first);
  options.port = (*first)->port();
  const auto second = Server::listen(options, engine, effects, metrics);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::io);
  EXPECT_THAT(second.error().message, HasSubstr("port " + std::to_string(options.port) + " is in use"));
}

}  // namespace
}  // namespace zenith::gateway::test
