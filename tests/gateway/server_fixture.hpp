// A server over the scripted engine on a free port, on a thread of its own.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>

#include "raw_client.hpp"
#include "scripted_port.hpp"
#include "zenith/gateway/server.hpp"

namespace zenith::gateway::test {

class ServerTest : public testing::Test {
 protected:
  ~ServerTest() override { stop(std::chrono::milliseconds(0)); }

  /// Called by the first connect(); a test that changes `options` does so before.
  void start() {
    if (server_) return;
    options.port = 0;
    auto made = Server::listen(options, engine, *effects_, metrics_);
    ASSERT_TRUE(made) << made.error().message;
    server_ = std::move(*made);
    thread_ = std::thread([this] { server_->run(); });
  }
  void stop(std::chrono::milliseconds drain) {
    if (!server_ || !thread_.joinable()) return;
    server_->stop(drain);
    thread_.join();
  }
  std::unique_ptr<RawClient> connect(int receive_buffer = 0) {
    start();
    return std::make_unique<RawClient>(server_->port(), receive_buffer);
  }
  static std::string post(std::string_view path, std::string_view body, std::string_view headers = {}) {
    return "POST " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" +
           std::string(headers) + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
  }
  static std::string get(std::string_view path, std::string_view headers = {}) {
    return "GET " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(headers) + "\r\n";
  }
  /// One request on a connection of its own.
  std::string ask(const std::string& request) {
    const auto client = connect();
    client->send(request);
    return client->read_reply();
  }
  static int status(const std::string& reply) { return reply.size() > 12 ? std::stoi(reply.substr(9, 3)) : 0; }
  static std::string body(const std::string& reply) {
    const auto at = reply.find("\r\n\r\n");
    return at == std::string::npos ? std::string{} : reply.substr(at + 4);
  }
  static constexpr std::string_view kChat = R"({"messages":[{"role":"user","content":"hi"}]})";
  static constexpr std::string_view kStream = R"({"stream":true,"messages":[{"role":"user","content":"hi"}]})";

  ServerOptions options = [] {
    ServerOptions o;
    o.default_model = "fake";
    o.default_embedding_model = "fake-embed";
    return o;
  }();
  ScriptedPort engine;
  Server& server() { return *server_; }
  std::string metrics_text() const { return metrics_.expose(); }

 private:
  std::unique_ptr<Effects> effects_ = system_effects();
  Metrics metrics_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
};

}  // namespace zenith::gateway::test
