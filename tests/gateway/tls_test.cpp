// HTTPS and wss: what is spoken, what is refused, and that nothing a client does to a handshake costs another client.
#include "tls_support.hpp"

#include <gmock/gmock.h>

#include "server_fixture.hpp"
#include "tls/context.hpp"
#include "zenith/core/log.hpp"

namespace zenith::gateway::test {
namespace {

using namespace std::string_literals;
using testing::HasSubstr;
using testing::StartsWith;

class Tls : public ServerTest {
 protected:
  Tls() { options.tls = {files_.certificate("cert.pem", key_), files_.private_key("key.pem", key_)}; }

  std::unique_ptr<TlsClient> tls_client() {
    start();
    return std::make_unique<TlsClient>(server().port());
  }
  /// One request over a TLS connection of its own.
  std::string ask_tls(const std::string& request, std::string_view until) {
    const auto client = tls_client();
    if (!client->handshake() || !client->send(request)) return "no TLS";
    client->read_until(until);
    return client->text();
  }
  void expect_it_serves() { EXPECT_THAT(ask_tls(get("/healthz"), "}"), StartsWith("HTTP/1.1 200")); }

  const Key key_ = make_key();
  const PemFolder files_;
};

TEST_F(Tls, an_answer_and_the_next_on_one_connection) {
  const auto client = tls_client();
  ASSERT_TRUE(client->handshake());
  for (int i = 0; i < 3; ++i) {
    client->text().clear();
    ASSERT_TRUE(client->send(post("/v1/chat/completions", kChat)));
    ASSERT_TRUE(client->read_until("\"total_tokens\"")) << client->text();
    EXPECT_THAT(client->text(), StartsWith("HTTP/1.1 200"));
    ASSERT_TRUE(client->read_until("}}"));
  }
}

TEST_F(Tls, a_stream_ends_whole_and_the_end_is_said) {
  const auto client = tls_client();
  ASSERT_TRUE(client->handshake());
  ASSERT_TRUE(client->send(post("/v1/chat/completions", kStream, "Connection: close\r\n")));
  client->read_to_end();
  EXPECT_THAT(client->text(), HasSubstr("data: [DONE]"));
  EXPECT_THAT(client->text(), testing::EndsWith("0\r\n\r\n"));
  EXPECT_TRUE(client->closed_properly());
}

TEST_F(Tls, a_long_body_and_a_long_answer_pass_a_slow_socket) {
  Script script;
  script.repeat = 20'000;
  engine.set(script);
  const auto client = tls_client();
  const int small = 4096;
  ::setsockopt(client->fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  ASSERT_TRUE(client->handshake());
  const std::string text(3 << 20, 'x');
  ASSERT_TRUE(client->send(post("/v1/chat/completions", R"({"messages":[{"role":"user","content":")" + text + "\"}]}",
                                "Connection: close\r\n")));
  client->read_to_end();
  EXPECT_THAT(client->text(), StartsWith("HTTP/1.1 200"));
  EXPECT_TRUE(client->closed_properly());
  EXPECT_GT(client->text().size(), 20'000u);
}

TEST_F(Tls, a_client_that_leaves_cancels_its_request) {
  Script script;
  script.hold = true;
  engine.set(script);
  auto client = tls_client();
  ASSERT_TRUE(client->handshake());
  ASSERT_TRUE(client->send(post("/v1/chat/completions", kStream)));
  ASSERT_TRUE(client->read_until("Hello"));
  client.reset();
  EXPECT_TRUE(engine.wait_until([](const auto& seen) { return seen.cancelled.size() == 1; }));
}

struct Version {
  const char* name;
  int version;
  bool spoken;
};
class TlsVersions : public Tls, public testing::WithParamInterface<Version> {};
TEST_P(TlsVersions, only_1_2_and_newer) {
  const auto client = tls_client();
  SSL_set_min_proto_version(client->ssl(), GetParam().version);
  SSL_set_max_proto_version(client->ssl(), GetParam().version);
  EXPECT_EQ(client->handshake(), GetParam().spoken);
  EXPECT_TRUE(!GetParam().spoken || SSL_version(client->ssl()) == GetParam().version);
  expect_it_serves();
}
INSTANTIATE_TEST_SUITE_P(tls, TlsVersions,
                         testing::Values(Version{"tls_1_0", TLS1_VERSION, false},
                                         Version{"tls_1_1", TLS1_1_VERSION, false},
                                         Version{"tls_1_2", TLS1_2_VERSION, true},
                                         Version{"tls_1_3", TLS1_3_VERSION, true}),
                         [](const auto& i) { return std::string{i.param.name}; });

struct Cipher {
  const char* name;
  const char* list;
  bool accepted;
};
class TlsCiphers : public Tls, public testing::WithParamInterface<Cipher> {
 protected:
  TlsCiphers() {  // an RSA key, so that only the choice of ciphers refuses
    const Key rsa = make_key("RSA");
    options.tls = {files_.certificate("rsa.pem", rsa), files_.private_key("rsa.key", rsa)};
  }
};
TEST_P(TlsCiphers, forward_secret_and_authenticated_ones_only) {
  const auto client = tls_client();
  SSL_set_max_proto_version(client->ssl(), TLS1_2_VERSION);
  ASSERT_EQ(SSL_set_cipher_list(client->ssl(), GetParam().list), 1);
  EXPECT_EQ(client->handshake(), GetParam().accepted);
  expect_it_serves();
}
INSTANTIATE_TEST_SUITE_P(tls, TlsCiphers,
                         testing::Values(Cipher{"ecdhe_gcm", "ECDHE-RSA-AES128-GCM-SHA256", true},
                                         Cipher{"ecdhe_chacha", "ECDHE-RSA-CHACHA20-POLY1305", true},
                                         Cipher{"static_rsa", "AES128-GCM-SHA256", false},
                                         Cipher{"cbc", "ECDHE-RSA-AES128-SHA", false},
                                         Cipher{"cbc_sha256", "ECDHE-RSA-AES128-SHA256", false},
                                         Cipher{"anonymous", "ADH-AES128-GCM-SHA256:@SECLEVEL=0", false}),
                         [](const auto& i) { return std::string{i.param.name}; });

struct Protocols {
  const char* name;
  std::string offered;  ///< as on the wire
  std::string chosen;   ///< "-": refused
};
class TlsProtocols : public Tls, public testing::WithParamInterface<Protocols> {};
TEST_P(TlsProtocols, http_1_1_by_alpn) {
  const auto client = tls_client();
  const auto& offered = GetParam().offered;
  SSL_set_alpn_protos(client->ssl(), reinterpret_cast<const unsigned char*>(offered.data()),
                      static_cast<unsigned>(offered.size()));
  const bool met = client->handshake();
  ASSERT_EQ(met, GetParam().chosen != "-");
  const unsigned char* chosen = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(client->ssl(), &chosen, &size);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(chosen), size), met ? GetParam().chosen : "");
}
INSTANTIATE_TEST_SUITE_P(tls, TlsProtocols,
                         testing::Values(Protocols{"none", "", ""}, Protocols{"ours", "\x08http/1.1", "http/1.1"},
                                         Protocols{"http_2_first", "\x02h2\x08http/1.1", "http/1.1"},
                                         Protocols{"only_http_2", "\x02h2", "-"}),
                         [](const auto& i) { return std::string{i.param.name}; });

// What comes instead of a handshake: the connection ends, and the server goes on.
struct Raw {
  const char* name;
  std::string bytes;
};
class TlsRaw : public Tls, public testing::WithParamInterface<Raw> {};
TEST_P(TlsRaw, ends_the_connection_and_no_other) {
  const auto client = connect();
  client->send(GetParam().bytes);
  EXPECT_TRUE(client->read_to_end());
  EXPECT_THAT(client->text(), testing::Not(HasSubstr("HTTP/1.1")));
  expect_it_serves();
}
INSTANTIATE_TEST_SUITE_P(
    tls, TlsRaw,
    testing::Values(Raw{"plain_http", "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"},
                    Raw{"plain_post", "POST /v1/chat/completions HTTP/1.1\r\n\r\n"},
                    Raw{"proxy", "CONNECT localhost:443 HTTP/1.1\r\n\r\n"}, Raw{"ssh", "SSH-2.0-OpenSSH_9.2\r\n"},
                    Raw{"zeros", std::string(4096, '\0')}, Raw{"ones", std::string(4096, '\xff')},
                    Raw{"sslv2_hello", "\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10"s + std::string(37, 'x')},
                    Raw{"huge_record", "\x16\x03\x01\xff\xff"s + std::string(2000, '\x01')},
                    Raw{"data_before_hello", "\x17\x03\x03\x00\x05hello"s},
                    Raw{"alert_before_hello", "\x15\x03\x03\x00\x02\x02\x28"s},
                    Raw{"ccs_before_hello",
                        "\x14\x03\x03\x00\x01\x01\x14\x03\x03\x00\x01\x01"s + "\x17\x03\x03\x00\x01x"s},
                    Raw{"hello_of_garbage", "\x16\x03\x01\x00\x40\x01\x00\x00\x3c\x03\x03"s + std::string(58, '\xee')},
                    Raw{"hello_too_long", "\x16\x03\x01\x00\x04\x01\xff\xff\xff"s + std::string(20000, 'y')}),
    [](const auto& i) { return std::string{i.param.name}; });

TEST_F(Tls, what_was_no_handshake_is_said_at_debug) {
  testing::internal::CaptureStderr();
  const auto before = log_level();
  set_log_level(LogLevel::debug);
  const auto client = connect();
  client->send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(client->read_to_end());
  stop(std::chrono::milliseconds{0});
  set_log_level(before);
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("level=debug component=gateway msg=\"TLS handshake failed\" reason=\"http request\""));
}

/// A whole client hello, made by OpenSSL.
std::string client_hello() {
  const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  const std::unique_ptr<SSL, void (*)(SSL*)> ssl(SSL_new(context.get()), SSL_free);
  SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_connect(ssl.get());
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(SSL_get_wbio(ssl.get()), &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

TEST_F(Tls, half_a_handshake_ends_in_time) {
  options.limits.handshake_timeout = std::chrono::seconds{1};
  const std::string hello = client_hello();
  for (const std::size_t cut : {std::size_t{0}, std::size_t{1}, std::size_t{5}, hello.size() / 2, hello.size()}) {
    const auto client = connect();
    client->send(hello.substr(0, cut));
    EXPECT_TRUE(client->read_to_end(std::chrono::seconds{5})) << cut;
  }
  expect_it_serves();
}

TEST_F(Tls, a_handshake_byte_by_byte_is_a_handshake_but_its_time_is_one) {
  options.limits.handshake_timeout = std::chrono::seconds{1};
  const auto client = connect();
  for (const char c : client_hello()) client->send({&c, 1});
  EXPECT_TRUE(client->read_until("\x16\x03\x03"));
  expect_it_serves();
}

TEST_F(Tls, a_client_that_leaves_in_the_handshake_leaves_nothing) {
  for (int i = 0; i < 50; ++i) connect()->send(client_hello());
  expect_it_serves();
  for (int i = 0; i < 500 && metrics_text().find("zenith_http_connections 0") == std::string::npos; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  EXPECT_THAT(metrics_text(), HasSubstr("zenith_http_connections 0"));
}

TEST_F(Tls, renegotiation_is_refused) {
  const auto client = tls_client();
  SSL_set_max_proto_version(client->ssl(), TLS1_2_VERSION);
  ASSERT_TRUE(client->handshake());
  ASSERT_EQ(SSL_renegotiate(client->ssl()), 1);
  EXPECT_NE(SSL_do_handshake(client->ssl()), 1);
  expect_it_serves();
}

TEST_F(Tls, many_key_updates_do_not_stop_the_answer) {
  const auto client = tls_client();
  ASSERT_TRUE(client->handshake());
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(SSL_key_update(client->ssl(), SSL_KEY_UPDATE_REQUESTED), 1);
    client->text().clear();
    ASSERT_TRUE(client->send(get("/healthz")));
    ASSERT_TRUE(client->read_until("}")) << i;
  }
}

TEST_F(Tls, garbage_after_the_handshake_ends_only_that_connection) {
  const auto client = tls_client();
  ASSERT_TRUE(client->handshake());
  const std::string garbage = "\x17\x03\x03\x00\x20"s + std::string(32, 'z');
  ASSERT_EQ(::send(client->fd(), garbage.data(), garbage.size(), MSG_NOSIGNAL), static_cast<ssize_t>(garbage.size()));
  client->read_to_end();
  EXPECT_FALSE(client->closed_properly());
  expect_it_serves();
}

TEST_F(Tls, a_refused_body_is_answered_before_the_connection_ends) {
  options.limits.body_bytes = 4096;
  const auto client = tls_client();
  ASSERT_TRUE(client->handshake());
  client->send(
      "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
      "Content-Length: 1000000\r\n\r\n");
  client->send(std::string(200'000, 'x'));
  client->read_to_end();
  EXPECT_THAT(client->text(), StartsWith("HTTP/1.1 413"));
}

TEST_F(Tls, one_over_the_limit_of_connections_is_closed_at_once) {
  options.limits.connections = 1;
  const auto first = tls_client();
  ASSERT_TRUE(first->handshake());
  const auto second = connect();
  EXPECT_TRUE(second->read_to_end());
  EXPECT_EQ(second->text(), "");
}

TEST_F(Tls, a_new_certificate_is_for_new_connections) {
  const auto old = tls_client();
  ASSERT_TRUE(old->handshake());
  EXPECT_EQ(old->peer_name(), "localhost");
  const Key other = make_key();
  const TlsFiles fresh{files_.certificate("new.pem", other, "renewed"), files_.private_key("new.key", other)};
  const auto wrong = server().reload_tls({fresh.cert, options.tls->key});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().param, "server.tls_key");
  ASSERT_TRUE(server().reload_tls(fresh));
  std::string name;
  for (int i = 0; i < 100 && name != "renewed"; ++i) {
    const auto client = tls_client();
    ASSERT_TRUE(client->handshake());
    name = client->peer_name();
  }
  EXPECT_EQ(name, "renewed");
  ASSERT_TRUE(old->send(get("/healthz")));
  EXPECT_TRUE(old->read_until("\"ok\""));
}

TEST_F(ServerTest, a_plain_server_takes_no_certificate) {
  start();
  const auto refused = server().reload_tls({"a", "b"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::invalid_argument);
}

TEST_F(Tls, beyond_loopback_keys_are_still_required) {
  Metrics metrics;
  const auto effects = system_effects();
  options.host = "0.0.0.0";
  options.port = 0;
  const auto refused = Server::listen(options, engine, *effects, metrics);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().param, "exposed");
  options.exposed = true;
  const auto still = Server::listen(options, engine, *effects, metrics);
  ASSERT_FALSE(still);
  EXPECT_EQ(still.error().param, "keys_file");
}

// Files that are no certificate and key: the key of the configuration, the file and the reason are named.
struct Wrong {
  const char* name;
  TlsFiles (*make)(const PemFolder&);
  const char* param;
  const char* says;
};
class TlsFilesRefused : public testing::TestWithParam<Wrong> {};
TEST_P(TlsFilesRefused, names_key_file_and_reason) {
  const PemFolder folder;
  const TlsFiles files = GetParam().make(folder);
  const auto context = TlsContext::load(files);
  ASSERT_FALSE(context);
  const auto& error = context.error();
  EXPECT_EQ(error.param, GetParam().param);
  EXPECT_THAT(error.message, StartsWith(std::string(GetParam().param) + ": " +
                                        (error.param == "server.tls_cert" ? files.cert : files.key)));
  EXPECT_THAT(error.message, HasSubstr(GetParam().says));
}
INSTANTIATE_TEST_SUITE_P(
    tls, TlsFilesRefused,
    testing::Values(
        Wrong{"no_certificate", [](const PemFolder& f) { return TlsFiles{f.path("none.pem"), f.path("none.key")}; },
              "server.tls_cert", "No such file"},
        Wrong{"a_folder", [](const PemFolder& f) { return TlsFiles{f.path(""), f.path("none.key")}; },
              "server.tls_cert", "no regular file"},
        Wrong{"a_device", [](const PemFolder& f) { return TlsFiles{"/dev/zero", f.path("none.key")}; },
              "server.tls_cert", "no regular file"},
        Wrong{"empty", [](const PemFolder& f) { return TlsFiles{f.text("cert.pem", ""), f.path("none.key")}; },
              "server.tls_cert", "no PEM certificate"},
        Wrong{"too_large",
              [](const PemFolder& f) { return TlsFiles{f.text("cert.pem", std::string(2 << 20, 'x')), f.path("k")}; },
              "server.tls_cert", "larger than 1 MiB"},
        Wrong{"broken_base64",
              [](const PemFolder& f) {
                return TlsFiles{f.text("cert.pem", "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n"),
                                f.path("none.key")};
              },
              "server.tls_cert", "no PEM certificate"},
        Wrong{"the_key_as_certificate",
              [](const PemFolder& f) {
                const auto file = f.private_key("key.pem", make_key());
                return TlsFiles{file, file};
              },
              "server.tls_cert", "no PEM certificate"},
        Wrong{"broken_chain",
              [](const PemFolder& f) {
                const auto key = make_key();
                const auto cert = f.certificate("cert.pem", key);
                std::ofstream(cert, std::ios::app) << "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
                return TlsFiles{cert, f.private_key("key.pem", key)};
              },
              "server.tls_cert", "certificate number 2"},
        Wrong{"no_key",
              [](const PemFolder& f) { return TlsFiles{f.certificate("cert.pem", make_key()), f.path("none.key")}; },
              "server.tls_key", "No such file"},
        Wrong{"the_certificate_as_key",
              [](const PemFolder& f) {
                const auto file = f.certificate("cert.pem", make_key());
                return TlsFiles{file, file};
              },
              "server.tls_key", "no PEM private key"},
        Wrong{"key_of_another",
              [](const PemFolder& f) {
                return TlsFiles{f.certificate("cert.pem", make_key()), f.private_key("key.pem", make_key())};
              },
              "server.tls_key", "does not belong to the certificate"},
        Wrong{"key_of_another_kind",
              [](const PemFolder& f) {
                return TlsFiles{f.certificate("cert.pem", make_key()), f.private_key("key.pem", make_key("RSA"))};
              },
              "server.tls_key", "does not belong to the certificate"},
        Wrong{"encrypted_key",
              [](const PemFolder& f) {
                const auto key = make_key();
                return TlsFiles{f.certificate("cert.pem", key), f.private_key("key.pem", key, "secret")};
              },
              "server.tls_key", "is encrypted"}),
    [](const auto& i) { return std::string{i.param.name}; });

struct Dates {
  const char* name;
  long from, until;
  const char* warns;
};
class TlsDates : public testing::TestWithParam<Dates> {};
TEST_P(TlsDates, are_a_warning) {
  const PemFolder folder;
  const auto key = make_key();
  const TlsFiles files{folder.certificate("cert.pem", key, "localhost", GetParam().from, GetParam().until),
                       folder.private_key("key.pem", key)};
  testing::internal::CaptureStderr();
  const auto context = TlsContext::load(files);
  const auto said = testing::internal::GetCapturedStderr();
  ASSERT_TRUE(context) << context.error().message;
  if (*GetParam().warns == '\0') {
    EXPECT_THAT(said, testing::Not(HasSubstr("certificate")));
  } else {
    EXPECT_THAT(said, HasSubstr(GetParam().warns));
    EXPECT_THAT(said, HasSubstr(files.cert));
  }
}
INSTANTIATE_TEST_SUITE_P(tls, TlsDates,
                         testing::Values(Dates{"valid", -60, 3600, ""}, Dates{"expired", -7200, -3600, "has expired"},
                                         Dates{"not_yet", 3600, 7200, "not valid yet"}),
                         [](const auto& i) { return std::string{i.param.name}; });

}  // namespace
}  // namespace zenith::gateway::test
